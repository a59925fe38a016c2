"""How far a BD-rate hangs on the photographs or clips of the test set: a bootstrap over them.

The pictures of the test set are drawn again with replacement, as many as there are; the means of every point are
computed again on what was drawn, as `common.results.points.aggregate` computes them, and from them the BD-rate. Both
curves get the same pictures in every draw. The interval holds the middle 95 % of the BD-rates (percentile interval:
B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13). It tells how much other photographs
of the same kind would change the figure, and nothing of other trainings.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.results.bd import Method
from common.results.bd_batch import bd_rates
from common.results.curves import Curve, Metric, Point
from common.results.points import is_number
from common.results.record import Modality, Part

RESAMPLES = 1000
SEED = 0
LEVEL = 95  # percent
LEAST = 5  # pictures: of fewer there are too few different draws
COMPARABLE = 0.95  # of the draws that must give a BD-rate, or there is no interval
Array = NDArray[np.float64]


class Missing(NamedTuple):
    """Why something is not known, and because of which curves."""

    text: str
    curves: tuple[str, ...] = ()


class Interval(NamedTuple):
    """The middle 95 % of the BD-rates, in percent of bits, over `pictures` photographs or clips: `unit` says which."""

    low: float
    high: float
    pictures: int
    unit: str

    @property
    def inverse(self) -> "Interval":
        """Of the two curves the other way round."""
        # A curve of next to no bits has a BD-rate of -100 % in floating point.
        low, high = (100 * (1 / max(1 + percent / 100, 1e-6) - 1) for percent in (self.high, self.low))
        return self._replace(low=low, high=high)


class Resampled(NamedTuple):
    """A curve on every draw.

    Attributes:
        points: (draws, points, 2) of bpp and quality; NaN where a mean is not defined.
        pictures: names of the photographs or clips.
        unit: which of the two they are.
    """

    points: Array
    pictures: tuple[str, ...]
    unit: str


def interval(anchor: Resampled, test: Resampled, names: tuple[str, str], method: Method) -> Interval | Missing:
    """The interval of the BD-rate of `test` against `anchor`, or why there is none; `names` are the curves'."""
    if anchor.pictures != test.pictures:
        return Missing(f"no interval, as the {test.unit}s differ", names)
    if len(anchor.pictures) < LEAST:
        return Missing(f"no interval over fewer than {LEAST} {test.unit}s")
    rates = bd_rates(anchor.points, test.points, method)
    rates = rates[np.isfinite(rates)]
    if len(rates) < COMPARABLE * RESAMPLES:
        return Missing("no interval, as on many draws there is no BD-rate", names)
    # Figures that occurred, so that the interval of the two curves the other way round is the inverse of this one.
    low, high = np.percentile(rates, [(100 - LEVEL) / 2, (100 + LEVEL) / 2], method="nearest")
    return Interval(float(low), float(high), len(anchor.pictures), test.unit)


def resampled(curve: Curve, metric: Metric) -> Resampled | Missing:
    """`curve` on every draw of its photographs or clips, or why it has none.

    Points without the metric are left out. A point of several seeds is the mean over them, all on the same draw.
    """
    points = [point for point in curve.points if (q := point.quality(metric)) is not None and np.isfinite(q)]
    records = [[_parts(run) for run in point.of_seeds or (point,)] for point in points]
    known = [parts for runs in records for parts in runs]
    if not known or not all(known):
        return Missing("no interval without a record of every photograph or clip", (curve.name,))
    names = [part.name for part in known[0]]
    if any([part.name for part in parts] != names for parts in known):
        return Missing("no interval, as not every point has the same photographs or clips", (curve.name,))
    if len(set(names)) < len(names):
        return Missing("no interval, as several photographs or clips have one name", (curve.name,))
    once = np.full((1, len(names)), 1 / len(names))
    drawn, whole = (
        np.stack([_means(point, runs, metric, weights) for point, runs in zip(points, records)], axis=1)
        for weights in (draws(len(names)), once)
    )
    figures = np.array([(point.bpp, point.quality(metric)) for point in points], dtype=float)
    if not np.allclose(whole[0], figures, rtol=1e-6, atol=1e-6):
        return Missing("no interval, as the figures are not the means of the photographs or clips", (curve.name,))
    record = points[0].record
    return Resampled(drawn, tuple(names), record.kind.value if record and record.kind else Modality.IMAGE.value)


@lru_cache(maxsize=16)
def draws(count: int) -> Array:
    """Weights (draws, pictures) of `count` pictures in every draw, that sum to 1; the same in every call."""
    drawn = np.random.default_rng(SEED).multinomial(count, np.full(count, 1 / count), RESAMPLES)
    return np.asarray(drawn / count, dtype=np.float64)


def _parts(point: Point) -> list[Part]:
    """By name."""
    record = point.record
    kind = record.kind if record else None
    return sorted(point.parts(kind), key=lambda part: part.name) if kind in (Modality.IMAGE, Modality.VIDEO) else []


def _means(point: Point, runs: Sequence[Sequence[Part]], metric: Metric, weights: Array) -> Array:
    """bpp and quality of a point under `weights` (draws, pictures): (draws, 2). `runs`: the pictures of every seed."""
    figures = [
        np.stack([weights @ _array([part.bpp for part in parts]), _quality(point, parts, metric, weights)], axis=-1)
        for parts in runs
    ]
    return np.asarray(np.mean(figures, axis=0))


def _quality(point: Point, parts: Sequence[Part], metric: Metric, weights: Array) -> Array:
    """As `aggregate` has it: the mean of PSNR in dB; that of MS-SSIM, of large enough pictures, in dB afterwards."""
    if metric == "psnr-rgb":
        return np.asarray(weights @ _array([part.psnr for part in parts]))
    if metric == "ms-ssim-rgb":
        values = _array([part.ms_ssim for part in parts])
        defined = np.isfinite(values)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = (weights @ np.where(defined, values, 0)) / (weights @ defined.astype(float))
            return np.asarray(-10 * np.log10(np.maximum(1 - means, 0)))
    return np.asarray(point.own[metric].sign * (weights @ _array([part.record.get(metric) for part in parts])))


def _array(values: Sequence[object]) -> Array:
    """NaN where there is no number."""
    return np.array([value if is_number(value) else np.nan for value in values], dtype=np.float64)
