"""Blocks that the decoder can paint are left out, and it paints them from what is around them.

    x ─ which blocks are smooth enough? ─ mask ─ hints ──────────────────┐
    └── those blocks as one colour each ─ codec ─ picture ─ filled ─ network ─ x_hat

A block is filled by blending the lines of pixels on its four sides; those that so come within a given error are left
out. No two of them are side by side, so that the lines are always there. That the encoder chooses by a fill without a
network is ours: so the mask does not depend on what the network has learned. It costs at most a bit for every block.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from common.errors import LicError
from lic_image.envelope.contract import Decoded, Sent
from lic_image.envelope.post import with_quality
from lic_image.envelope.residual import Change

BLOCK = 16  # pixels on a side: a unit of JPEG with 4:2:0


class Holes(nn.Module):
    """Args: `error`: root mean square error of the fill of a block, in levels of 255, up to which it is left out."""

    factor = 1
    hint_channels, hint_step = 1, BLOCK

    def __init__(self, error: float = 6) -> None:
        super().__init__()
        self.error = error
        if error < 0:
            raise LicError(f"pre.part.error, up to which blocks are left out, must be 0 or more, not {error}.")

    def forward(self, x: Tensor) -> Sent:
        wrong = F.avg_pool2d((fill(x) - x).square().mean(1, keepdim=True), BLOCK).sqrt()
        mask = ((wrong * 255 <= self.error) & alternate(*wrong.shape[2:]).to(x.device)).to(x)
        flat = F.interpolate(F.avg_pool2d(fill(x), BLOCK), scale_factor=BLOCK, mode="nearest")
        return Sent(torch.where(enlarged(mask), flat, x), mask)


class Inpaint(nn.Module):
    """Fills the holes, and improves the picture knowing where they are.

    Args: N, blocks, knows_quality: as of `Restore`.
    """

    factor, takes_hints = 1, 1

    def __init__(self, N: int = 64, blocks: int = 16, knows_quality: bool = False) -> None:
        super().__init__()
        self.knows_quality = knows_quality
        self.change = Change(4 + knows_quality, 3, N, blocks)

    def forward(self, decoded: Decoded) -> Tensor:
        assert decoded.hints is not None  # `Enveloped` has compared what is sent and what is needed
        holes = enlarged(decoded.hints)
        filled = torch.where(holes, fill(decoded.picture), decoded.picture)
        seen = torch.cat([filled, holes.to(filled)], 1)
        return filled + self.change(with_quality(seen, decoded, self.knows_quality))


def fill(x: Tensor) -> Tensor:
    """x (B, C, H, W), sides multiples of 16: every block as its four neighbours would have it, whether it is a hole.

    With t along the columns and s along the rows, both inside 0 to 1: half the blend of the lines left and right, and
    half that of those above and below. At the picture's border there is no line, and the opposite one is taken.
    """
    H, W = x.shape[2:]
    t = ((torch.arange(BLOCK, device=x.device) + 1) / (BLOCK + 1)).to(x)
    rows, columns = torch.arange(0, H, BLOCK, device=x.device), torch.arange(0, W, BLOCK, device=x.device)
    above, below = _beside(rows, H)
    left, right = _beside(columns, W)
    s = t[:, None]
    vertical = (1 - s) * x[:, :, above].unsqueeze(3) + s * x[:, :, below].unsqueeze(3)  # (B, C, H/16, 16, W)
    horizontal = (1 - t) * x[..., left].unsqueeze(4) + t * x[..., right].unsqueeze(4)  # (B, C, H, W/16, 16)
    return (vertical.reshape(x.shape) + horizontal.reshape(x.shape)) / 2


def _beside(starts: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The line before each block and the one behind it; where one is missing, the other, or its own last, twice."""
    before, behind = starts - 1, starts + BLOCK
    first, last = before < 0, behind >= size
    return torch.where(first, behind.clamp_max(size - 1), before), torch.where(last, before.clamp_min(0), behind)


def alternate(rows: int, columns: int) -> Tensor:
    """bool (rows, columns): the blocks that may be holes, like the dark squares of a chess board."""
    return (torch.arange(rows)[:, None] + torch.arange(columns)) % 2 == 1


def enlarged(mask: Tensor) -> Tensor:
    """One number for each block (B, 1, h, w) -> bool (B, 1, 16 h, 16 w)."""
    return F.interpolate(mask, scale_factor=BLOCK, mode="nearest") > 0.5
