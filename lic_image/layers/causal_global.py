"""Causal global anticipation (CGAM): a context of two channel groups, the second of which looks at all that is decoded.

    side, 5x5 positions before n ─────────────────────────── group 1 at n: scales, means ─ ŷ_{n,1}
    side, 5x5 positions before n, ŷ_{n,1} ─────────────────┬ group 2 at n: scales, means ─ ŷ_{n,2}
    g_n = Σ_i softmax_i(q_n · k_i / √d) v_i ───────────────┘          i: decoded before n

    q_n = W_q ŷ_{n,1},  k_i = W_k ŷ_{i,1},  v_i = W_v ŷ_{i,2}

A. A. Jeny, thesis 2022, section 3.4.3, on Z. Guo, Z. Zhang, R. Feng, Z. Chen: "Causal contextual prediction for learned
image compression", 2021. The thesis has i < n in raster order and no equation of m_conv,3. Ours:

* One head of d channels. Keys and values are kept, so that each position's are computed once.
* i goes over the positions before n that the wavefronts of `common.entropy.raster` have completed: in n's row those
  left of it, m rows above those up to 3 m - 1 columns right of it. Nearest neighbours are in sight, and a whole wave
  can be decoded at once. Training, encoder and decoder have the same set.
* Rows are in blocks of `rows`. n sees its own block and the one before it: `rows` rows or more above it, or all that
  there are. So memory and time grow with the number of positions and the width of the picture, not with their square.
* A key and a value of zero are always in sight. They are all that the first position sees.

A block's keys have the same place in every sum whether they are decoded or not, so that exact arithmetic adds in the
same order in the encoder, which knows all of them, and in the decoder. Those out of sight have a share of exactly 0.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from common.entropy import exact
from common.entropy.exact.mode import wanted
from common.entropy.exact.positions import AtPositions
from common.entropy.raster import Told, Window, raster, taps
from common.entropy.walks import Visitor
from lic_image.layers.masked_context import network


def in_sight(positions: Tensor, top: int, bottom: int, w: int) -> Tensor:
    """Which positions of rows `top` to `bottom` - 1 each of n `positions` i w + j sees: bool (n, (bottom - top) w)."""
    keys = torch.arange(top * w, bottom * w, device=positions.device)
    (row, column), (key_row, key_column) = (
        (p.div(w, rounding_mode="floor"), p.remainder(w)) for p in (positions[:, None], keys)
    )
    return (key_row <= row) & (key_column + 3 * key_row < column + 3 * row)


class CausalGlobalContext(nn.Module):
    """Takes the place of a `MaskedContext`.

    Args:
        M, side: channels of y, an even number, and of the side information.
        width: of the local contexts.
        hidden: channels of the networks behind them.
        d: channels of queries, keys and values.
        rows: in a block.
    """

    def __init__(self, M: int, side: int, width: int = 128, hidden: int = 320, d: int = 64, rows: int = 32) -> None:
        super().__init__()
        half, neighbours = M // 2, len(taps()) * M
        self.C, self.d, self.rows = half, d, rows
        self.groups = (slice(0, half), slice(half, M))
        self.local_1, self.local_2 = nn.Linear(neighbours, width), nn.Linear(neighbours + half, width)
        self.query, self.key, self.value = (nn.Linear(half, d, bias=False) for _ in range(3))
        self.told_1 = network(side + width, hidden, 2 * half)
        self.told_2 = network(side + d + width, hidden, 2 * half)

    def walk(self, side: Tensor, visit: Visitor) -> Tensor:
        """Goes through y in coding order -> y_hat (B, M, h, w)."""
        return raster(visit, side, self.predictor, groups=self.groups)

    def predictor(self, side: Tensor, window: Window) -> list[Callable[[np.ndarray], Told]]:
        M, memory = window.values.shape[2], Memory(self, window)
        if not (wanted(self) and AtPositions.fits([*self.told_1, *self.told_2], side, M)):
            return [
                lambda positions: self.first(side[:, positions], window.neighbours(positions)),
                lambda positions: self.second(
                    side[:, positions], window.neighbours(positions), memory.own(positions), memory(positions)
                ),
            ]
        # The same to the bit, from kernels. The position itself is a neighbour there, with zeros for its group 2.
        widened = nn.Parameter(F.pad(self.local_2.weight.detach(), (0, self.C)), requires_grad=False)
        first = AtPositions(
            (self.local_1.weight, self.local_1.bias), list(self.told_1), side, window.values, window.reach
        )
        reach = np.append(window.reach, 0)
        second = AtPositions((widened, self.local_2.bias), list(self.told_2), side, window.values, reach, self.d)
        return [
            lambda positions: halves(first(positions, window.places(positions))),
            lambda positions: halves(second(positions, window.places(positions), memory(positions))),
        ]

    @exact.parameters
    def keys_and_values(self, latent: Tensor) -> Tensor:
        """ŷ_i (B, n, M) -> k_i, v_i, (B, n, 2 d)."""
        first, second = latent.split(self.C, 2)
        return torch.cat([self.key(first), self.value(second)], 2)

    @exact.parameters
    def attended(self, own: Tensor, kept: Tensor, seen: Tensor) -> Tensor:
        """g_n (B, n, d) from ŷ_{n,1} (B, n, M/2), k_i and v_i (B, L, 2 d) and whether n sees i, bool (n, L)."""
        keys, values = F.pad(kept, (0, 0, 1, 0)).unsqueeze(1).chunk(2, 3)
        seen = F.pad(seen, (1, 0), value=True)
        return F.scaled_dot_product_attention(self.query(own).unsqueeze(1), keys, values, attn_mask=seen).squeeze(1)

    @exact.parameters
    def first(self, side: Tensor, neighbours: Tensor) -> Told:
        """Scales and means (B, n, M/2) from side information (B, n, S) and neighbours (B, n, taps M)."""
        return halves(self.told_1(torch.cat([side, self.local_1(neighbours)], 2)))

    @exact.parameters
    def second(self, side: Tensor, neighbours: Tensor, own: Tensor, anticipated: Tensor) -> Told:
        """As `first`, with ŷ_{n,1} (B, n, M/2) and g_n (B, n, d)."""
        local = self.local_2(torch.cat([neighbours, own], 2))
        return halves(self.told_2(torch.cat([side, anticipated, local], 2)))


def halves(told: Tensor) -> Told:
    scales, means = told.chunk(2, 2)
    return scales, means


class Memory:
    """Keys and values of what is decoded: gives g_n (B, n, d) of positions in rising rows, whose group 1 is decoded."""

    def __init__(self, context: CausalGlobalContext, window: Window) -> None:
        self._context, self._window = context, window
        B, self._h, self._w, _ = window.inside().shape
        self._kept = window.values.new_zeros(B, self._h * self._w, 2 * context.d)
        self._last = np.empty(0, np.int64)

    def own(self, positions: np.ndarray) -> Tensor:
        """ŷ_{n,1}, (B, n, M/2)."""
        return self._window.values[:, self._window.places(positions), : self._context.C]

    def __call__(self, positions: np.ndarray) -> Tensor:
        # Group 2 of these positions may come later. Then what is kept of them is out of sight now, and replaced next.
        done = np.concatenate([self._last, positions])
        self._kept[:, done] = self._context.keys_and_values(self._window.values[:, self._window.places(done)])
        self._last = positions
        rows, own, parts = self._context.rows, self.own(positions), []
        block = positions // (self._w * rows)
        for b in range(block[0], block[-1] + 1):
            top, bottom = max(0, b - 1) * rows, min(self._h, (b + 1) * rows)
            here = slice(*np.searchsorted(block, (b, b + 1)))
            seen = in_sight(torch.as_tensor(positions[here], device=own.device), top, bottom, self._w)
            kept = self._kept[:, top * self._w : bottom * self._w]
            parts.append(self._context.attended(own[:, here], kept, seen))
        return torch.cat(parts, 1)
