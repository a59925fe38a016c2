"""Causal global anticipation (CGAM): a context of two channel groups, the second of which looks at all that is decoded.

    side, 5x5 positions before n ─────────────────────────── group 1 at n: scales, means ─ ŷ_{n,1}
    side, 5x5 positions before n, ŷ_{n,1} ─────────────────┬ group 2 at n: scales, means ─ ŷ_{n,2}
    g_n = Σ_i softmax_i((W ŷ_{n,1}) · ŷ_{i,1} / √d) ŷ_{i,2} ┘          i: decoded before n,  d = M / 2

A. A. Jeny, thesis 2022, section 3.4.3, on Z. Guo, Z. Zhang, R. Feng, Z. Chen: "Causal contextual prediction for learned
image compression", 2021. The thesis has i < n in raster order and no equation of m_conv,3. Ours:

* One head. W is the product of the projections of query and key; the value's is the first layer behind it. So keys and
  values are the symbols themselves, and there is nothing to be kept beside them.
* i goes over the positions before n that the wavefronts of `common.entropy.raster` have completed: in n's row those left
  of it, d rows above those up to 3 d - 1 columns right of it. Nearest neighbours are in sight, and a whole wave can be
  decoded at once. Training, encoder and decoder have the same set.
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
        rows: in a block.
    """

    def __init__(self, M: int, side: int, width: int = 128, hidden: int = 320, rows: int = 32) -> None:
        super().__init__()
        half, neighbours = M // 2, len(taps()) * M
        self.half, self.rows = half, rows
        self.groups = (slice(0, half), slice(half, M))
        self.local_1, self.local_2 = nn.Linear(neighbours, width), nn.Linear(neighbours + half, width)
        self.told_1 = network(side + width, hidden, 2 * half)
        self.told_2 = network(side + width + half, hidden, 2 * half)
        self.query = nn.Linear(half, half, bias=False)
        nn.init.trunc_normal_(self.query.weight, std=0.02)

    def walk(self, side: Tensor, visit: Visitor) -> Tensor:
        """Goes through y in coding order -> y_hat (B, M, h, w)."""
        return raster(visit, side, self.predictor, groups=self.groups)

    def predictor(self, side: Tensor, window: Window) -> list[Callable[[np.ndarray], Told]]:
        def first(positions: np.ndarray) -> Told:
            return self.first(side[:, positions], window.neighbours(positions))

        def second(positions: np.ndarray) -> Told:
            own = window.values[:, window.places(positions), : self.half]
            return self.second(
                side[:, positions], window.neighbours(positions), own, self.anticipated(window, positions, own)
            )

        return [first, second]

    def anticipated(self, window: Window, positions: np.ndarray, own: Tensor) -> Tensor:
        """g (B, n, M/2) of n positions, in rising rows, whose group 1 is `own`."""
        latent = window.inside()
        _, h, w, _ = latent.shape
        block, parts = positions // w // self.rows, []
        for b in range(block[0], block[-1] + 1):
            top, bottom = max(0, b - 1) * self.rows, min(h, (b + 1) * self.rows)
            here = slice(*np.searchsorted(block, (b, b + 1)))
            seen = in_sight(torch.as_tensor(positions[here], device=own.device), top, bottom, w)
            parts.append(self.attended(own[:, here], latent[:, top:bottom].flatten(1, 2), seen))
        return torch.cat(parts, 1)

    @exact.parameters
    def attended(self, own: Tensor, latent: Tensor, seen: Tensor) -> Tensor:
        """g from ŷ_{n,1} (B, n, M/2), ŷ_i (B, L, M) and whether n sees i, bool (n, L)."""
        keys, values = F.pad(latent, (0, 0, 1, 0)).unsqueeze(1).split(self.half, 3)
        seen = F.pad(seen, (1, 0), value=True)
        return F.scaled_dot_product_attention(self.query(own).unsqueeze(1), keys, values, attn_mask=seen).squeeze(1)

    @exact.parameters
    def first(self, side: Tensor, neighbours: Tensor) -> Told:
        """Scales and means (B, n, M/2) from side information (B, n, S) and neighbours (B, n, taps M)."""
        scales, means = self.told_1(torch.cat([side, self.local_1(neighbours)], 2)).chunk(2, 2)
        return scales, means

    @exact.parameters
    def second(self, side: Tensor, neighbours: Tensor, own: Tensor, anticipated: Tensor) -> Told:
        """As `first`, with ŷ_{n,1} and g, (B, n, M/2) each."""
        local = self.local_2(torch.cat([neighbours, own], 2))
        scales, means = self.told_2(torch.cat([side, local, anticipated], 2)).chunk(2, 2)
        return scales, means
