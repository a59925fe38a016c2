"""What a BD-rate rests on: the pictures of the test set, each single rate point, the seed of the training.

`certainty` gives for a BD-rate, beside its overlap and notes (`common.results.bd`):

- the 95 % interval over photographs or clips (`common.results.bootstrap`);
- the range of BD-rates with each rate point of either curve left out in turn;
- the spread of the BD-rates of single seeds, where curves are means over seeds;
- BD-PSNR, the same difference in dB at equal rate (of any metric: in its unit).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from common.results.bd import CUBIC_NEEDS, DEFAULT, BDQuality, BDRate, Method, bd_psnr, bd_rate
from common.results.bd_batch import bd_rates, counted
from common.results.bootstrap import Interval, Missing, Resampled, interval, resampled
from common.results.curves import Curve, Metric
from common.results.seeds import Spread, by_seed, spread


class Range(NamedTuple):
    """The lowest and the highest of some BD-rates, in percent of bits."""

    low: float
    high: float


class Certainty(NamedTuple):
    """A BD-rate and what it rests on; None where it is not known, and why in `missing`.

    Attributes:
        quality: BD-PSNR, or the same of another metric.
        interval: over photographs or clips.
        left_out: over leaving out one rate point.
        seeds: over the seeds of the training; None without a word where neither curve is a mean over seeds.
    """

    rate: BDRate
    quality: BDQuality
    interval: Interval | None
    left_out: Range | None
    seeds: Spread | None
    missing: tuple[Missing, ...]


def certainty(anchor: Curve, test: Curve, metric: Metric = "psnr-rgb", method: Method = DEFAULT) -> Certainty:
    """The BD-rate of `test` against `anchor`, and what it rests on."""
    return certainties(anchor, [test], metric, method)[0]


def certainties(anchor: Curve, tests: Sequence[Curve], metric: Metric, method: Method) -> list[Certainty]:
    """`certainty` of every one of `tests`."""
    drawn = resampled(anchor, metric)
    return [_certainty(anchor, test, drawn, metric, method) for test in tests]


def _certainty(anchor: Curve, test: Curve, drawn: Resampled | Missing, metric: Metric, method: Method) -> Certainty:
    rate = bd_rate(anchor, test, metric, method)
    quality = bd_psnr(anchor, test, metric, method)
    if rate.percent is None:
        return Certainty(rate, quality, None, None, None, ())
    own = resampled(test, metric)
    over_pictures: Interval | Missing | None = None
    if isinstance(drawn, Resampled) and isinstance(own, Resampled):
        over_pictures = interval(drawn, own, (anchor.name, test.name), method)
    left_out = leave_one_out(anchor, test, metric, method)
    seeds = seed_spread(anchor, test, metric, method)
    return Certainty(
        rate,
        quality,
        over_pictures if isinstance(over_pictures, Interval) else None,
        left_out if isinstance(left_out, Range) else None,
        seeds if isinstance(seeds, Spread) else None,
        tuple(each for each in (drawn, own, over_pictures, left_out, seeds) if isinstance(each, Missing)),
    )


def leave_one_out(anchor: Curve, test: Curve, metric: Metric, method: Method) -> Range | Missing:
    """The range of the BD-rate with each point of either curve left out in turn.

    A curve of two points keeps both, as one is no curve; one of four keeps all where "cubic" fits a cubic to it. Where
    neither curve can lose a point there is no range.
    """
    a, b = (np.array([[p.bpp, _known(p.quality(metric))] for p in curve.points]) for curve in (anchor, test))
    few = min(int(counted(points[None])[0]) for points in (a, b))
    least = CUBIC_NEEDS if method == "cubic" and few >= CUBIC_NEEDS else 2
    pairs = [(a, b)]
    for points in (a, b):
        for place in np.flatnonzero(np.isfinite(points[:, 1])):
            less = points.copy()
            less[place] = np.nan
            if counted(less[None])[0] >= least:
                pairs.append((less, b) if points is a else (a, less))
    anchors, tests = (np.stack(each) for each in zip(*pairs))
    rates = bd_rates(anchors, tests, method)[1:]
    names = (anchor.name, test.name)
    if not len(rates):
        return Missing(f"no point can be left out, as {least} must stay", names)
    if not np.isfinite(rates).all():
        return Missing("no range, as without one of the points they cannot be compared", names)
    return Range(float(rates.min()), float(rates.max()))


def seed_spread(anchor: Curve, test: Curve, metric: Metric, method: Method) -> Spread | Missing | None:
    """Mean and deviation of the BD-rates of single seeds; None where neither curve is a mean over seeds.

    Of a curve that is a mean over seeds, its runs of one seed are compared, of any other the whole curve. Where both
    are means, seeds that both have are compared with each other.
    """
    curves = {id(curve): by_seed(curve) for curve in (anchor, test) if any(point.of_seeds for point in curve.points)}
    if not curves:
        return None
    names = tuple(curve.name for curve in (anchor, test) if id(curve) in curves)
    first, *others = curves.values()
    seeds = [seed for seed in first if all(seed in each for each in others)]
    if len(seeds) < 2:
        return Missing("no spread over seeds, as no two seeds have every point", names)
    rates = []
    for seed in seeds:
        a, b = (curves[id(curve)][seed] if id(curve) in curves else curve for curve in (anchor, test))
        rates.append(bd_rate(a, b, metric, method).percent)
    found = spread(rates)
    return found or Missing("no spread over seeds, as the curve of one seed cannot be compared", names)


def _known(value: float | None) -> float:
    return np.nan if value is None else value
