"""Bjøntegaard deltas: by how many percent of bits (or dB of quality) one rate-distortion curve lies beside
another.

G. Bjøntegaard, "Calculation of average PSNR differences between RD-curves", VCEG-M33, 2001. Between the ends
of the quality range that both curves cover, log10(rate) is interpolated over quality and integrated:

    BD-rate = 10 ** ((∫ log r_test - ∫ log r_anchor) / (q_high - q_low)) - 1

VCEG-M33 fits one cubic per curve ("cubic"), which may deviate far from the points; the piecewise "akima" passes through
every point and may overshoot between them; "pchip" never leaves the range of two neighbouring points and is the
default (see also Herglotz et al., "Beyond Bjøntegaard: limits of video compression performance comparisons", ICIP
2022). The interpolation is the `bjontegaard` package's; this file prepares points, checks what each figure rests on,
and says what could not be compared.
"""

import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np

from common.errors import LicError
from common.results.curves import Curve, Metric, own_of
from common.results.measures import STANDARD

Method = Literal["pchip", "akima", "cubic"]
METHODS: tuple[Method, ...] = ("pchip", "akima", "cubic")
DEFAULT: Method = "pchip"
MIN_OVERLAP = 0.75
CUBIC_NEEDS = 4  # points of each curve
SHARED = "the curves share"  # how the note on a small overlap begins
_TITLES = {"pchip": "PCHIP", "akima": "Akima interpolation", "cubic": "the cubic fit"}

# What a figure may not do without a word. Axes: 0 log10 of rate, 1 quality in dB. Of the BD-rates among CompressAI's 38
# published curves on Kodak none of PCHIP or Akima does any of it, and every tenth of the cubic fit.
_LEAVES = {0: float(np.log10(1.05)), 1: 0.1}  # an interpolant beyond two neighbouring points: 5 % of bits, 0.1 dB
_DIFFERS = {0: float(np.log10(1.02)), 1: 0.1}  # from straight lines between the points: 2 % of bits, 0.1 dB
_SHARES = {0: float(np.log10(1.05)), 1: 0.5}  # the least range of bits or dB that two curves should share
_CLOSE = {0: float(np.log10(1.02)), 1: 0.1}  # neighbours that are one point along this axis …
_APART = {0: float(np.log10(1.1)), 1: 0.3}  # … and two along the other
_IN_DB = {"psnr-rgb": "PSNR", "ms-ssim-rgb": "MS-SSIM"}
_SPAN = 20.0  # dB that two curves cover as a rule: the scale of a quality that has none


class BDRate(NamedTuple):
    """Rate of the test curve against the anchor's at equal quality.

    Attributes:
        percent: negative when the test needs fewer bits; None when the curves cannot be compared (`notes` say
            why).
        overlap: part of the two curves' joint quality range that both cover, 0 to 1.
        notes: what to know before quoting the figure.
    """

    percent: float | None
    overlap: float
    notes: tuple[str, ...]


class BDQuality(NamedTuple):
    """Quality of the test curve against the anchor's at equal rate: `db` is positive when the test is better.

    `overlap` is over log-rate; the rest as in `BDRate`.
    """

    db: float | None
    overlap: float
    notes: tuple[str, ...]


class _Prepared(NamedTuple):
    anchor: np.ndarray  # (points, 2): log10 of bpp, dB, both strictly rising
    test: np.ndarray
    method: Method
    overlap: float
    comparable: bool
    notes: list[str]


class _Delta(NamedTuple):
    """The mean distance of two interpolants over the range that both cover, and what it rests on."""

    mean: float
    straight: float  # the same with straight lines between the points
    left: tuple[float, float]  # how far either interpolant leaves the range of two neighbouring points


def bd_rate(anchor: Curve, test: Curve, metric: Metric = "psnr-rgb", method: Method = DEFAULT) -> BDRate:
    """Percent of bits that `test` needs more (+) or less (-) than `anchor` at equal quality, in dB.

    >>> from common.results.curves import Point
    >>> rates, decibels = (0.1, 0.2, 0.4, 0.8), (28.0, 30.0, 32.0, 34.0)
    >>> anchor = Curve("anchor", "run", tuple(Point(bpp, psnr) for bpp, psnr in zip(rates, decibels)))
    >>> test = Curve("test", "run", tuple(Point(0.9 * bpp, psnr) for bpp, psnr in zip(rates, decibels)))
    >>> result = bd_rate(anchor, test)
    >>> round(result.percent, 2), result.overlap
    (-10.0, 1.0)
    """
    delta, overlap, notes = _compared(anchor, test, metric, method, axis=1)
    return BDRate(None if delta is None else _growth(delta), overlap, notes)


def bd_psnr(anchor: Curve, test: Curve, metric: Metric = "psnr-rgb", method: Method = DEFAULT) -> BDQuality:
    """dB by which `test` is better (+) or worse (-) than `anchor` at equal rate, of PSNR or of MS-SSIM."""
    return BDQuality(*_compared(anchor, test, metric, method, axis=0))


def bd_matrix(
    anchors: Sequence[Curve], tests: Sequence[Curve], metric: Metric = "psnr-rgb", method: Method = DEFAULT
) -> list[list[BDRate | None]]:
    """`bd_rate` of every test against every anchor: `[anchor][test]`, None where both are one curve."""
    return [[None if test is anchor else bd_rate(anchor, test, metric, method) for test in tests] for anchor in anchors]


def doubts(result: BDRate | BDQuality) -> list[str]:
    """The notes of a figure, but for that on a small overlap, which tables put into the cell."""
    return [note for note in result.notes if not note.startswith(SHARED)]


def _growth(log10: float) -> float:
    return float(100 * (10**log10 - 1))


def _compared(
    anchor: Curve, test: Curve, metric: Metric, method: Method, axis: Literal[0, 1]
) -> tuple[float | None, float, tuple[str, ...]]:
    """Mean distance of the other axis over `axis` (None where there is none), the overlap along `axis`, and notes."""
    ready = _prepare(anchor, test, metric, method, axis)
    if not ready.comparable:
        return None, ready.overlap, tuple(ready.notes)
    a, b = (tuple(map(tuple, points.tolist())) for points in (ready.anchor, ready.test))
    # A report compares every two curves, in several tables: once is enough, also for the other way round.
    delta = _delta(min(a, b), max(a, b), ready.method, axis)
    if a > b:
        delta = _Delta(-delta.mean, -delta.straight, delta.left[::-1])
    notes = [*ready.notes, *_doubts(ready, delta, (anchor.name, test.name), metric, axis)]
    return (delta.mean if abs(delta.mean) < 100 else None), ready.overlap, tuple(notes)


@lru_cache(maxsize=10_000)
def _delta(a: tuple[tuple[float, ...], ...], b: tuple[tuple[float, ...], ...], method: Method, axis: int) -> _Delta:
    import bjontegaard  # brings matplotlib's pyplot

    pairs = [np.array(points)[:, [axis, 1 - axis]] for points in (a, b)]
    low, high = _shared_range(*(pair[:, 0] for pair in pairs))
    for pair in pairs:
        pair[:, 0] -= low  # a cubic is better conditioned so
    high -= low
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of ill-conditioned fits, which the checks find
        mean, *interpolants = bjontegaard.bd_linear(
            *pairs[0].T, *pairs[1].T, method, require_matching_points=False, interpolators=True, min_overlap=0
        )
    knots = np.unique(np.clip(np.concatenate([pair[:, 0] for pair in pairs]), 0, high))
    lines = [np.interp(knots, *pair.T) for pair in pairs]
    gaps = lines[1] - lines[0]
    straight = float(np.sum((gaps[1:] + gaps[:-1]) / 2 * np.diff(knots)) / high)
    left = tuple(_left(pair, f, high) for pair, f in zip(pairs, interpolants))
    return _Delta(float(mean), straight, (left[0], left[1]))


def _left(points: np.ndarray, interpolant: Callable[[np.ndarray], np.ndarray], high: float) -> float:
    """How far `interpolant` goes beyond two neighbours of `points` anywhere between them, from 0 to `high`."""
    inside = (points[:-1, 0] < high) & (points[1:, 0] > 0)
    before, after = points[:-1][inside], points[1:][inside]
    places = np.linspace(np.maximum(before[:, 0], 0), np.minimum(after[:, 0], high), 33)
    values = interpolant(places.ravel()).reshape(places.shape)
    return float(max(0, (before[:, 1] - values).max(), (values - after[:, 1]).max()))


def _doubts(ready: _Prepared, delta: _Delta, names: tuple[str, str], metric: str, axis: Literal[0, 1]) -> list[str]:
    """Why the figure is not to be quoted as it is: points that do not carry it, an interpolant that leaves them."""
    other: Literal[0, 1] = 0 if axis else 1
    label, unit = _IN_DB.get(metric, metric), " dB" if metric in _IN_DB else ""
    scale = (1.0, 1.0 if metric in _IN_DB else np.ptp(np.concatenate([ready.anchor, ready.test])[:, 1]) / _SPAN)
    low, high = _shared_range(ready.anchor[:, axis], ready.test[:, axis])
    notes = []
    if high - low < _SHARES[axis] * scale[axis]:
        notes.append(f"{names[0]} and {names[1]} share {_amount(high - low, axis, unit)} only")
    for name, points, left in zip(names, (ready.anchor, ready.test), delta.left):
        steps = np.diff(points, axis=0)
        close = (points[:-1, axis] < high) & (points[1:, axis] > low)
        close &= (steps[:, axis] < _CLOSE[axis] * scale[axis]) & (steps[:, other] > _APART[other] * scale[other])
        if close.any():
            i = int(np.argmax(close))
            near, far = _amount(steps[i, axis], axis, unit), _amount(steps[i, other], other, unit)
            notes.append(
                f"{name}: two neighbouring points are {near} apart and {far}, so the figure hangs on small changes of "
                f"{'quality' if axis else 'rate'}"
            )
        if left > _LEAVES[other] * scale[other]:
            notes.append(f"{_TITLES[ready.method]} leaves the points of {name} by up to {_amount(left, other, unit)}")
    if not abs(delta.mean - delta.straight) <= _DIFFERS[other] * scale[other]:
        value = f"{_growth(delta.straight):+.1f} %" if other == 0 else f"{delta.straight:+.3g}{unit}"
        said = value.replace("-", "−")
        notes.append(f"{names[1]} against {names[0]}: with straight lines between the points {label} gives {said}")
    return notes


def _amount(distance: float, axis: Literal[0, 1], unit: str) -> str:
    """A distance along an axis in words."""
    if axis:
        return f"{distance:.2g}{unit}"
    if distance > 1:
        return f"{10 ** min(distance, 300):.3g} times the bits"
    return f"{_growth(distance):.{0 if distance > 0.05 else 1}f} % of bits"


def _shared_range(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    return float(max(a.min(), b.min())), float(min(a.max(), b.max()))


def _prepare(anchor: Curve, test: Curve, metric: Metric, method: Method, axis: Literal[0, 1]) -> _Prepared:
    """Usable points, the method they suffice for, and the overlap along `axis` (0 rate, 1 quality)."""
    if method not in METHODS:
        raise LicError(f"Unknown interpolation {method!r}: choose one of {', '.join(METHODS)}.")
    notes: list[str] = []
    a, b = _usable(anchor, metric, notes), _usable(test, metric, notes)
    few = min(len(a), len(b))
    if few < 2:
        short = anchor.name if len(a) < 2 else test.name
        label = next((each.title for each in (*STANDARD, *own_of([anchor, test])) if each.key == metric), metric)
        notes.append(f"{short} has {'no point' if few == 0 else 'one point only'} with {label}, two are needed")
        return _Prepared(a, b, method, 0.0, False, notes)
    if few < CUBIC_NEEDS and method == "cubic":
        notes.append(f"a cubic needs {CUBIC_NEEDS} points, {few} are there: {_TITLES[DEFAULT]} instead")
        method = DEFAULT
    overlap = _overlap(a[:, axis], b[:, axis])
    if overlap <= 0:
        notes.append(f"the {'rates' if axis == 0 else 'qualities'} of {anchor.name} and {test.name} do not overlap")
    elif overlap < MIN_OVERLAP:
        notes.append(f"{SHARED} {int(100 * overlap)} % of their range")
    return _Prepared(a, b, method, overlap, overlap > 0, notes)


def _usable(curve: Curve, metric: Metric, notes: list[str]) -> np.ndarray:
    """Points (n, 2) of log10(bpp) and dB, both strictly rising; what had to be left out is added to `notes`.

    Interpolation needs quality that rises with rate. A point that costs as many bits as a better one, or
    more, is not on the curve a user would choose from, so it is dropped, not averaged.
    """
    known = [(point.bpp, point.quality(metric)) for point in curve.points]
    pairs = [(bpp, q) for bpp, q in known if q is not None and np.isfinite(q) and np.isfinite(bpp) and bpp > 0]
    rising: list[tuple[float, float]] = []
    for bpp, q in sorted(pairs, key=lambda pair: (pair[0], -pair[1])):
        if not rising or (q > rising[-1][1] and bpp > rising[-1][0]):
            rising.append((bpp, q))
    if dropped := len(pairs) - len(rising):
        notes.append(f"{dropped} of {curve.name}'s points left out: more bits without more quality")
    points = np.array(rising, dtype=np.float64).reshape(-1, 2)
    points[:, 0] = np.log10(points[:, 0])
    return points


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    low, high = _shared_range(a, b)
    shared = high - low
    joint = max(a.max(), b.max()) - min(a.min(), b.min())
    return max(0.0, float(shared / joint))
