"""Bjøntegaard deltas: by how many percent of bits (or dB of quality) one rate-distortion curve lies beside
another.

G. Bjøntegaard, "Calculation of average PSNR differences between RD-curves", VCEG-M33, 2001. Between the ends
of the quality range that both curves cover, log10(rate) is interpolated over quality and integrated:

    BD-rate = 10 ** ((∫ log r_test - ∫ log r_anchor) / (q_high - q_low)) - 1

VCEG-M33 fits one cubic per curve ("cubic"); the piecewise "pchip" and "akima" pass through every point and
are the better choice (Herglotz et al., "Beyond Bjøntegaard: limits of video compression performance
comparisons", ICIP 2022). The arithmetic is the `bjontegaard` package's; this file prepares points and says
what could not be compared.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

import bjontegaard
import numpy as np

from common.errors import LicError
from common.rd.curves import Curve, Metric, own_of
from common.rd.measures import STANDARD

Method = Literal["akima", "cubic", "pchip"]
METHODS: tuple[Method, ...] = ("akima", "cubic", "pchip")
MIN_OVERLAP = 0.75
SHARED = "the curves share"  # how the note on a small overlap begins


class BDRate(NamedTuple):
    """Rate of the test curve against the anchor's at equal quality.

    Attributes:
        percent: negative when the test needs fewer bits; None when the curves cannot be compared (`note` says
            why).
        overlap: part of the two curves' joint quality range that both cover, 0 to 1.
        note: empty, or what to know before quoting the figure.
    """

    percent: float | None
    overlap: float
    note: str


class BDQuality(NamedTuple):
    """Quality of the test curve against the anchor's at equal rate: `db` is positive when the test is better.

    `overlap` is over log-rate; the rest as in `BDRate`.
    """

    db: float | None
    overlap: float
    note: str


class _Prepared(NamedTuple):
    anchor: np.ndarray  # (points, 2): bpp, dB, both strictly rising
    test: np.ndarray
    method: Method
    overlap: float
    comparable: bool
    note: str


def bd_rate(anchor: Curve, test: Curve, metric: Metric = "psnr-rgb", method: Method = "akima") -> BDRate:
    """Percent of bits that `test` needs more (+) or less (-) than `anchor` at equal quality, in dB."""
    ready = _prepare(anchor, test, metric, method, axis=1)
    if not ready.comparable:
        return BDRate(None, ready.overlap, ready.note)
    a, b = (tuple(map(tuple, points.tolist())) for points in (ready.anchor, ready.test))
    # A report compares every two curves, in several tables: once is enough, also for the other way round.
    growth = 1 + _percent(min(a, b), max(a, b), ready.method) / 100
    return BDRate(100 * ((growth if a <= b else 1 / growth) - 1), ready.overlap, ready.note)


@lru_cache(maxsize=10_000)
def _percent(anchor: tuple[tuple[float, ...], ...], test: tuple[tuple[float, ...], ...], method: Method) -> float:
    columns = (*np.array(anchor).T, *np.array(test).T)
    return float(bjontegaard.bd_rate(*columns, method=method, require_matching_points=False, min_overlap=0))


def bd_psnr(anchor: Curve, test: Curve, metric: Metric = "psnr-rgb", method: Method = "akima") -> BDQuality:
    """dB by which `test` is better (+) or worse (-) than `anchor` at equal rate, of PSNR or of MS-SSIM."""
    ready = _prepare(anchor, test, metric, method, axis=0)
    if not ready.comparable:
        return BDQuality(None, ready.overlap, ready.note)
    db = bjontegaard.bd_psnr(
        *ready.anchor.T, *ready.test.T, method=ready.method, require_matching_points=False, min_overlap=0
    )
    return BDQuality(float(db), ready.overlap, ready.note)


def bd_matrix(
    anchors: Sequence[Curve], tests: Sequence[Curve], metric: Metric = "psnr-rgb", method: Method = "akima"
) -> list[list[BDRate | None]]:
    """`bd_rate` of every test against every anchor: `[anchor][test]`, None where both are one curve."""
    return [[None if test is anchor else bd_rate(anchor, test, metric, method) for test in tests] for anchor in anchors]


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
        return _Prepared(a, b, method, 0.0, False, "; ".join(notes))
    if few < 4 and method == "cubic":
        notes.append(f"a cubic needs 4 points, {few} are there: Akima instead")
        method = "akima"
    overlap = _overlap(*(np.log10(c[:, 0]) if axis == 0 else c[:, 1] for c in (a, b)))
    if overlap <= 0:
        notes.append(f"the {'rates' if axis == 0 else 'qualities'} of {anchor.name} and {test.name} do not overlap")
    elif overlap < MIN_OVERLAP:
        notes.append(f"{SHARED} {int(100 * overlap)} % of their range")
    return _Prepared(a, b, method, overlap, overlap > 0, "; ".join(notes))


def _usable(curve: Curve, metric: Metric, notes: list[str]) -> np.ndarray:
    """Points (n, 2) of bpp and dB, both strictly rising; what had to be left out is added to `notes`.

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
    return np.array(rising, dtype=np.float64).reshape(-1, 2)


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    shared = min(a.max(), b.max()) - max(a.min(), b.min())
    joint = max(a.max(), b.max()) - min(a.min(), b.min())
    return max(0.0, float(shared / joint))
