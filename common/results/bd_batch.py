"""BD-rates of many pairs of curves in one call: what resampling needs, a thousand of them for each figure.

`common.results.bd` computes one figure with the `bjontegaard` package, which takes about a millisecond. Here the same
is written in NumPy over a whole batch: the points that count, the overlap, the interpolation and its integral. The
tests hold both to 1e-9 of each other. Interpolants are cubic between two points and differ in the slopes at the points:

    pchip   Fritsch and Butland, "A method for constructing local monotone piecewise cubic interpolants", 1984
    akima   Akima, "A new method of interpolation and smooth curve fitting based on local procedures", 1970

"cubic" is one cubic of least squares through all points (VCEG-M33).
"""

import numpy as np
from numpy.typing import NDArray

from common.results.bd import CUBIC_NEEDS, DEFAULT, Method

Array = NDArray[np.float64]


def bd_rates(anchors: Array, tests: Array, method: Method = DEFAULT) -> Array:
    """The BD-rate in percent of every pair of curves, as `bd.bd_rate` has it; NaN where there is none.

    Args:
        anchors, tests: (pairs, points, 2) of bpp and quality, in any order; a point that is not to count has a NaN. The
            two may differ in their number of points.

    Returns:
        (pairs,).
    """
    (a, kept_a), (b, kept_b) = (_rising(points) for points in (anchors, tests))
    rates = np.full(len(a), np.nan)
    # All pairs at once that keep the same points; bytes are faster to compare than rows of truth values.
    kept = np.packbits(np.concatenate([kept_a, kept_b], axis=1), axis=1)
    _, first, which = np.unique(kept, axis=0, return_index=True, return_inverse=True)
    for number, row in enumerate(first):
        rows = np.flatnonzero(which.reshape(-1) == number)
        rates[rows] = _rates(a[rows][:, kept_a[row]], b[rows][:, kept_b[row]], method)
    return rates


def counted(points: Array) -> NDArray[np.intp]:
    """How many points of each curve count for a BD-rate: (pairs, points, 2) -> (pairs,)."""
    return _rising(points)[1].sum(axis=1)


def _rising(points: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Points of log10(bpp) and quality by rising bpp, and which of them have more quality than every cheaper one."""
    bpp, quality = points[..., 0], points[..., 1]
    known = np.isfinite(bpp) & (bpp > 0) & np.isfinite(quality)
    bpp, quality = np.where(known, bpp, np.inf), np.where(known, quality, -np.inf)
    order = np.lexsort((-quality, bpp), axis=-1)
    bpp, quality = (np.take_along_axis(values, order, axis=-1) for values in (bpp, quality))
    best = np.maximum.accumulate(quality, axis=-1)
    before = np.concatenate([np.full_like(best[:, :1], -np.inf), best[:, :-1]], axis=-1)
    return np.stack([np.log10(bpp), quality], axis=-1), quality > before


def _rates(a: Array, b: Array, method: Method) -> Array:
    """Of curves (pairs, points, 2) all of whose points rise."""
    rates = np.full(len(a), np.nan)
    few = min(a.shape[1], b.shape[1])
    if few < 2:
        return rates
    if method == "cubic" and few < CUBIC_NEEDS:
        method = DEFAULT
    low, high = np.maximum(a[:, 0, 1], b[:, 0, 1]), np.minimum(a[:, -1, 1], b[:, -1, 1])
    shared = high > low
    a, b, low, width = a[shared], b[shared], low[shared], (high - low)[shared]
    integrals = [_integral(p[..., 1] - low[:, None], p[..., 0], width, method) for p in (a, b)]
    mean = (integrals[1] - integrals[0]) / width
    with np.errstate(over="ignore", invalid="ignore"):
        rates[shared] = np.where(np.abs(mean) < 100, 100 * (10**mean - 1), np.nan)
    return rates


def _integral(x: Array, y: Array, width: Array, method: Method) -> Array:
    """From 0 to `width` of the interpolants through x, y (pairs, points): (pairs,)."""
    if method == "cubic":
        powers = x[..., None] ** np.arange(4.0)
        scale = np.sqrt((powers**2).sum(axis=-2, keepdims=True))
        inverse = np.linalg.pinv(powers / scale, rcond=x.shape[1] * np.finfo(np.float64).eps)
        factors = (inverse @ y[..., None])[..., 0] / scale[:, 0]
        return np.asarray((factors * width[:, None] ** np.arange(1.0, 5.0) / np.arange(1.0, 5.0)).sum(axis=-1))
    h = np.diff(x)
    m = np.diff(y) / h
    line = m.shape[1] == 1
    slopes = np.repeat(m, 2, axis=1) if line else _pchip(h, m) if method == "pchip" else _akima(m)
    start, end = (np.clip((place - x[:, :-1]) / h, 0, 1) for place in (np.zeros_like(width)[:, None], width[:, None]))
    return np.asarray((_area(end, h, y, slopes) - _area(start, h, y, slopes)).sum(axis=-1))


def _area(t: Array, h: Array, y: Array, slopes: Array) -> Array:
    """The integral of every piece's cubic from its first point to the part `t` of its width `h`."""
    values = y[:, :-1] * t * (1 + t**2 * (t / 2 - 1)) + y[:, 1:] * t**3 * (1 - t / 2)
    bends = slopes[:, :-1] * t**2 * (1 / 2 + t * (t / 4 - 2 / 3)) + slopes[:, 1:] * t**3 * (t / 4 - 1 / 3)
    return np.asarray(h * (values + h * bends))


def _pchip(h: Array, m: Array) -> Array:
    """Slopes at the points from the pieces' widths and slopes; at both ends SciPy's formula of three points."""
    before, after = m[:, :-1], m[:, 1:]
    w1, w2 = 2 * h[:, 1:] + h[:, :-1], h[:, 1:] + 2 * h[:, :-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        inner = np.where(before * after > 0, (w1 + w2) / (w1 / before + w2 / after), 0)
    ends = [_end(h[:, i], h[:, j], m[:, i], m[:, j])[:, None] for i, j in ((0, 1), (-1, -2))]
    return np.concatenate([ends[0], inner, ends[1]], axis=1)


def _end(h0: Array, h1: Array, m0: Array, m1: Array) -> Array:
    d = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    d = np.where((np.sign(m0) != np.sign(m1)) & (np.abs(d) > 3 * np.abs(m0)), 3 * m0, d)
    return np.where(np.sign(d) == np.sign(m0), d, 0)


def _akima(m: Array) -> Array:
    """Slopes at the points from the pieces' slopes, as SciPy has them."""
    left = 2 * m[:, :1] - m[:, 1:2]
    right = 2 * m[:, -1:] - m[:, -2:-1]
    m = np.concatenate([2 * left - m[:, :1], left, m, right, 2 * right - m[:, -1:]], axis=1)
    change = np.abs(np.diff(m))
    f1, f2 = change[:, 2:], change[:, :-2]
    both = f1 + f2
    defined = both > 1e-9 * both.max(axis=1, keepdims=True)
    part = np.divide(f2, both, out=np.zeros_like(both), where=defined)
    return np.where(defined, m[:, 1:-2] + part * (m[:, 2:-1] - m[:, 1:-2]), (m[:, 3:] + m[:, :-3]) / 2)
