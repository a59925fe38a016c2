"""A context layer and the pointwise layers behind it, at the positions of a latent that are asked for.

In raster order a decoder can go on at a dozen positions at a time. A library's product of matrices copies the weights
before it multiplies, and with so few positions the copying takes longer. Here weights are kept as they are used:
`TILE` outputs after the others, and in float32, which holds their integers (at most 2^22, see `grids`). Neighbours are
read where they lie, and where they are zero, as most numbers of a quiet latent are, nothing is multiplied. What comes
out is what `sums` gives, to the last bit.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary

from common.compiled import jit
from common.entropy.exact import sums
from common.entropy.exact.functions import compiled
from common.entropy.exact.grids import FIXED_BITS, INPUT_LIMIT, to_grid
from common.entropy.exact.threads import in_parts

TILE = 64  # outputs
_AT_ONCE = 32  # positions whose sums of a tile stay in the nearest cache
_STEP = 4  # inputs
_NO_OFFSET = np.zeros(1, np.uint64)
_kept: Any = WeakTensorKeyDictionary()  # parameter -> (its `grids.Weights`, `_Layer`)


class _Layer(NamedTuple):
    weights: np.ndarray  # float32 (tiles, inputs, TILE), filled up with zeros
    bias: np.ndarray  # float64 (TILE tiles,)
    unit: float  # of the sums
    slope: float = 1.0  # of a LeakyReLU behind it, for negative values


class AtPositions:
    """What a context layer and those behind it give, from side information and the values that are decoded.

    Args:
        context: the weight (O, taps M) and bias (O,) of the layer that sees the neighbours.
        layers: those behind it, which take the side information, what else is known of a position, and the context:
            1x1 convolutions or linear layers, and LeakyReLUs.
        side: side information (B, positions, S).
        values: float32 (B, places, M), between the calls filled with what is decoded.
        reach: where a place's neighbours are from it, (taps,), in rising order.
        more: how many numbers are known else.
    """

    def __init__(
        self,
        context: tuple[Tensor, Tensor | None],
        layers: Sequence[nn.Module],
        side: Tensor,
        values: Tensor,
        reach: np.ndarray,
        more: int = 0,
    ) -> None:
        self._more = more
        self._side = to_grid(side.double(), FIXED_BITS, INPUT_LIMIT).numpy()
        self._values, self._outputs = values.numpy(), 0
        self._first, self._offsets = reach[0], ((reach - reach[0]) * values.shape[2]).astype(np.uint64)
        self._layers = [_layer(*context)]
        self._parameters: list[Tensor] = [context[0]]
        for layer in layers:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                self._layers.append(_layer(layer.weight, layer.bias))
                self._parameters.append(layer.weight)
                self._outputs = len(layer.weight)
            else:
                self._layers[-1] = self._layers[-1]._replace(slope=float(layer.negative_slope))  # type: ignore[arg-type]

    def weights(self) -> list[Tensor]:
        """Those of its layers, (outputs, inputs) each: what there is to multiply with."""
        return [weight.detach().flatten(1) for weight in self._parameters]

    @staticmethod
    def fits(layers: Sequence[nn.Module], side: Tensor, M: int) -> bool:
        """Whether it knows these layers and can compute with `side` here and now."""
        linear = [_plain(layer) for layer in layers]
        behind = all(
            plain or (isinstance(layer, nn.LeakyReLU) and before)
            for layer, plain, before in zip(layers, linear, [False, *linear])
        )
        return behind and linear[:1] == [True] and M % _STEP == 0 and compiled(side.double()) and not sums.shuffled()

    def __call__(self, positions: np.ndarray, places: np.ndarray, known: Tensor | None = None) -> Tensor:
        """Of n positions, which are at these places of `values` -> (B, n, outputs), float32.

        `known` is what else is known of them, (B, n, more).
        """
        (B, every, M), S, n = self._values.shape, self._side.shape[2], len(positions)
        context, *rest = self._layers
        x = np.zeros((B * n, rest[0].weights.shape[1]))
        x[:, :S] = self._side[:, positions].reshape(B * n, S)
        if known is not None:
            x[:, S : S + self._more] = to_grid(known.double(), FIXED_BITS, INPUT_LIMIT).reshape(B * n, -1)
        starts = ((np.arange(B)[:, None] * every + places + self._first) * M).reshape(-1)
        _compute(context, self._values.reshape(-1), starts, self._offsets, 2.0**FIXED_BITS, x, S + self._more)
        for layer in rest:
            given, starts = x.reshape(-1), np.arange(B * n) * x.shape[1]
            x = np.empty((B * n, layer.bias.size))
            _compute(layer, given, starts, _NO_OFFSET, 1.0, x, 0, layer is rest[-1])
        return torch.from_numpy(x[:, : self._outputs].astype(np.float32)).unflatten(0, (B, n))


def _plain(layer: nn.Module) -> bool:
    if not isinstance(layer, nn.Conv2d):
        return isinstance(layer, nn.Linear)
    return (layer.kernel_size, layer.stride, layer.padding, layer.groups) == ((1, 1), (1, 1), (0, 0), 1)


def _layer(weight: Tensor, bias: Tensor | None) -> _Layer:
    """`sums.weights_of`, in tiles."""
    weights, kept = sums.weights_of(weight, bias), _kept.get(weight)
    if kept is None or kept[0] is not weights:
        rows = weights.weight.detach().flatten(1).numpy()
        outputs, inputs = rows.shape
        wide = np.zeros((-(-outputs // TILE) * TILE, -(-inputs // _STEP) * _STEP), np.float32)
        wide[:outputs, :inputs] = rows
        shift = np.zeros(len(wide))
        shift[:outputs] = 0.0 if weights.bias is None else weights.bias.detach().numpy()
        tiles = np.ascontiguousarray(wide.reshape(-1, TILE, wide.shape[1]).transpose(0, 2, 1))
        kept = _kept[weight] = weights, _Layer(tiles, shift, 2.0 ** -(weights.grid.a + weights.grid.w))
    return kept[1]


def _compute(
    layer: _Layer,
    x: np.ndarray,
    starts: np.ndarray,
    offsets: np.ndarray,
    whole: float,
    out: np.ndarray,
    column: int,
    last: bool = False,
) -> None:
    """A layer at positions whose inputs begin at starts + offsets of x -> columns of `out` from `column` on."""
    tiles, products = len(layer.weights), starts.size * layer.weights.size
    work = partial(_tiles, x, starts.astype(np.uint64), offsets, whole, *layer, out, column, last)
    in_parts(products // 16, tiles, work)


def _sums(x, starts, offsets, whole, weights, tile, total):  # type: ignore[no-untyped-def]
    """total (n, TILE): for each position the sum over o and k of x[start + offsets[o] + k] · whole · weight, in steps.

    x is clamped to what the grid of inputs holds.
    """
    limit = INPUT_LIMIT / whole
    length = np.uint64(weights.shape[1]) // np.uint64(offsets.size)
    total[:] = 0.0
    for o in range(offsets.size):
        for k in range(np.uint64(0), length, np.uint64(_STEP)):
            at = np.uint64(o) * length + k
            w0, w1 = weights[tile, at], weights[tile, at + np.uint64(1)]
            w2, w3 = weights[tile, at + np.uint64(2)], weights[tile, at + np.uint64(3)]
            for r in range(starts.size):
                i = starts[r] + offsets[o] + k
                a, b, c, d = x[i], x[i + np.uint64(1)], x[i + np.uint64(2)], x[i + np.uint64(3)]
                if a == 0 and b == 0 and c == 0 and d == 0:
                    continue
                a, b = min(max(a, -limit), limit) * whole, min(max(b, -limit), limit) * whole
                c, d = min(max(c, -limit), limit) * whole, min(max(d, -limit), limit) * whole
                for j in range(TILE):
                    total[r, j] += a * w0[j] + b * w1[j] + c * w2[j] + d * w3[j]


_sums = jit(_sums, any_order=True)


@jit
def _tiles(x, starts, offsets, whole, weights, bias, unit, slope, out, column, last, begin, end):  # type: ignore[no-untyped-def]
    """Those from `begin` to `end`; unless it is the last layer, `out` is the next one's input on its grid."""
    total = np.empty((_AT_ONCE, TILE))
    for tile in range(begin, end):
        for first in range(0, starts.size, _AT_ONCE):
            n = min(_AT_ONCE, starts.size - first)
            _sums(x, starts[first : first + n], offsets, whole, weights, tile, total)
            for r in range(n):
                for j in range(min(TILE, out.shape[1] - column - tile * TILE)):
                    v = (np.rint(total[r, j]) + bias[tile * TILE + j]) * unit
                    v = v if v > 0.0 else v * slope
                    if not last:
                        v = min(max(np.rint(v * 2.0**FIXED_BITS), -INPUT_LIMIT), INPUT_LIMIT)
                    out[first + r, column + tile * TILE + j] = v
