"""The compiled loops of `pixel_mixture`: what its network tells of each pixel, one pixel after the other.

A decoder knows a pixel's neighbours once all pixels before it are decoded. So it goes from pixel to pixel, for which
torch would be a thousand times slower. The encoder takes its parameters from the same functions, so that both sides
cannot disagree. The arithmetic is that of `common.entropy.exact`: sums are of integers in float64, in any order; all
else is IEEE 754's basic operations, one rounding after the other. `PixelMixture.forward` in that arithmetic gives the
same numbers to the last bit.

Pictures are int32 (3, H + 2 `BORDER`, W + 2 `BORDER`), colours in coding order. A `net` is what `Net` holds, as a
tuple. (Numba's disk cache notices changes of a function's own file only: who changes `decode_mixtures` or `_exp` must
change this file too.)
"""

from __future__ import annotations

import numpy as np

from common.compiled import jit
from common.entropy.exact.grids import FIXED_BITS, INPUT_LIMIT
from common.entropy.exact.kernels import _exp
from common.entropy.kernels import OK
from common.entropy.mixture_kernels import decode_mixtures

COLOURS = 3
BORDER = 2  # pixels around a picture, which its neighbourhoods reach into
NEAR = np.array([(i, j) for i in (-2, -1, 0) for j in range(-2, 3) if (i, j) < (0, 0)])  # neighbours, decoded before
AROUND = np.array([(0, 0), (0, 1), (1, 0), (0, -1), (-1, 0)])  # where the base is seen
ACTIVITIES = np.array([4.0, 16.0, 64.0])
SHARED = COLOURS * (len(NEAR) + len(AROUND)) + len(ACTIVITIES) + 2  # inputs that do not depend on the colour
SLOPE = 0.125  # of the leaky ReLUs, for negative values
LEAST_LOG, MOST_LOG = -8.0, 6.0  # of scales and weights
STEP = 4  # inputs of a layer are padded to a multiple of it
_GRID = 2.0**FIXED_BITS


@jit
def _median(west, north, north_west):  # type: ignore[no-untyped-def]
    low, high = min(west, north), max(west, north)
    return max(low, min(high, west + north - north_west))


@jit
def _on_grid(v):  # type: ignore[no-untyped-def]
    return min(max(np.rint(v * _GRID), -INPUT_LIMIT), INPUT_LIMIT)


@jit
def _look(image, base, y, x, width, predicted, inputs):  # type: ignore[no-untyped-def]
    """Fills the inputs that all colours of (y, x) share, and `predicted` (3,); returns the activity."""
    total, k = np.int64(0), 0
    for c in range(COLOURS):
        west, north, north_west = image[c, y, x - 1], image[c, y - 1, x], image[c, y - 1, x - 1]
        centre = _median(np.int64(west), np.int64(north), np.int64(north_west))
        predicted[c] = centre
        for t in range(NEAR.shape[0]):
            difference = image[c, y + NEAR[t, 0], x + NEAR[t, 1]] - centre
            total += abs(difference)
            inputs[k] = difference
            k += 1
    for c in range(COLOURS):
        for t in range(AROUND.shape[0]):
            inputs[k] = base[c, y + AROUND[t, 0], x + AROUND[t, 1]] - predicted[c]
            k += 1
    activity = np.float64(total) / (COLOURS * NEAR.shape[0])
    activity = activity + 1.0
    for i in range(k):
        inputs[i] = inputs[i] / activity
    for i in range(ACTIVITIES.size):
        inputs[k] = activity / (activity + ACTIVITIES[i])
        k += 1
    inputs[k] = 1.0 / width
    inputs[k + 1] = width / (width + activity)
    for i in range(k + 2):
        inputs[i] = _on_grid(inputs[i])
    return activity


def _sums(inputs, weights, total):  # type: ignore[no-untyped-def]
    """total (O,) = inputs (I,) · weights (I, O), of integers; I is a multiple of `STEP`."""
    total[:] = 0.0
    for i in range(0, weights.shape[0], STEP):
        a, b, c, d = inputs[i], inputs[i + 1], inputs[i + 2], inputs[i + 3]
        w0, w1, w2, w3 = weights[i], weights[i + 1], weights[i + 2], weights[i + 3]
        for j in range(total.size):
            total[j] += a * w0[j] + b * w1[j] + c * w2[j] + d * w3[j]


_sums = jit(_sums, any_order=True)


@jit
def _hidden(total, bias, unit, out):  # type: ignore[no-untyped-def]
    for j in range(total.size):
        v = (total[j] + bias[j]) * unit
        out[j] = _on_grid(v if v > 0.0 else v * SLOPE)


@jit
def _tell(c, image, base, y, x, width, activity, predicted, net, memory, scales, means, weights, at):  # type: ignore[no-untyped-def]
    """What colour c of (y, x) is coded by: column `at` of scales, means, weights (K, n), in units of a bin."""
    first, first_bias, second, second_bias, last, last_bias, units = net
    inputs, hidden, total, out, rest, power = memory
    for e in range(c):
        inputs[SHARED + e] = _on_grid(np.float64(image[e, y, x] - predicted[e]) / activity)
    wide, outputs, K = first.shape[2], last.shape[2], scales.shape[0]
    _sums(inputs, first[c], total[:wide])
    _hidden(total[:wide], first_bias[c], units[c, 0], hidden)
    _sums(hidden, second[c], total[:wide])
    _hidden(total[:wide], second_bias[c], units[c, 1], hidden)
    _sums(hidden, last[c], total[:outputs])
    for j in range(outputs):
        total[j] = (total[j] + last_bias[c, j]) * units[c, 2]
    for j in range(K, 3 * K):
        total[j] = min(max(total[j], LEAST_LOG), MOST_LOG)
    _exp(total[K : 3 * K], rest, power.view(np.int64), power, out, 2 * K)
    centre = np.float64(predicted[c] - base[c, y, x])
    for e in range(c):
        product = total[3 * K + e] * np.float64(image[e, y, x] - predicted[e])
        centre = centre + product
    for k in range(K):
        offset = activity * total[k]
        mean = (centre + offset) / width
        scale = activity * out[k]
        scale = scale / width
        scales[k, at], means[k, at], weights[k, at] = np.float32(scale), np.float32(mean), np.float32(out[K + k])


@jit
def _memory(net):  # type: ignore[no-untyped-def]
    """What `_tell` works in."""
    inputs, wide = net[0].shape[1], max(net[0].shape[2], net[2].shape[1], net[4].shape[2])
    return np.zeros(inputs), np.zeros(wide), np.empty(wide), np.empty(wide), np.empty(wide), np.empty(wide)


@jit
def tell(image, base, width, net, size, first, last, scales, means, weights):  # type: ignore[no-untyped-def]
    """Fills scales, means, weights (K, h w 3), for the rows from `first` to `last` of the (h, w) of `size`."""
    memory, predicted = _memory(net), np.zeros(COLOURS, np.int64)
    for i in range(first, last):
        for j in range(size[1]):
            y, x = i + BORDER, j + BORDER
            activity = _look(image, base, y, x, width, predicted, memory[0])
            for c in range(COLOURS):
                at = (i * size[1] + j) * COLOURS + c
                _tell(c, image, base, y, x, width, activity, predicted, net, memory, scales, means, weights, at)


@jit
def read(words, state, image, base, width, net, size, symbols):  # type: ignore[no-untyped-def]
    """Reads `symbols` (h w 3,) and fills the (h, w) pixels of `image` with what they stand for; returns a status."""
    memory, predicted = _memory(net), np.zeros(COLOURS, np.int64)
    K = (net[4].shape[2] - COLOURS + 1) // 3
    scales, means, weights = (
        np.empty((K, 1), np.float32),
        np.empty((K, 1), np.float32),
        np.empty((K, 1), np.float32),
    )
    scale_bits = scales.view(np.int32)
    for i in range(size[0]):
        for j in range(size[1]):
            y, x = i + BORDER, j + BORDER
            activity = _look(image, base, y, x, width, predicted, memory[0])
            for c in range(COLOURS):
                at = (i * size[1] + j) * COLOURS + c
                _tell(c, image, base, y, x, width, activity, predicted, net, memory, scales, means, weights, 0)
                status = decode_mixtures(words, state, scale_bits, means, weights, symbols[at : at + 1])
                if status != OK:
                    return status
                value = np.int64(base[c, y, x]) + np.int64(width) * np.int64(symbols[at])
                image[c, y, x] = min(max(value, np.int64(0)), np.int64(255))
    return OK
