"""Feature pyramids that repair one another.

    level l    left    down ───────── 2 residual blocks ─ L_l ┐
               middle  down ─ repair ─ 2 residual blocks ─ M_l ┤  [L_l, M_l, R_l] ─ conv1 ─ embedding
               right   down ─ repair ─ 2 residual blocks ─ R_l ┘

    down:    WFD(n)  = conv3 s2 (n)                                            (4.2), left and right
             WFD'(n) = conv3 s2 (n) + conv1(max-pool 2 (n))                    (4.3), middle
    repair:  n sigmoid(conv3(m)) + tanh(conv3(m)),  m from the pyramid before  (4.4), MAF and ABF

A. A. Jeny: thesis, sections 4.1 and 4.2, after the DeepPyNet of ICPR 2021 (Jeny, Islam, Aydin). "Level" counts from
1, at half the picture's resolution. Where the text leaves it open: the repair takes the finished features of the
pyramid before at the same level, and acts after downsampling; the convolution that downsamples is the first of the
first residual block's two (with four beside it the network has 7.0 M parameters, the thesis says 6.1 M); there is
leaky ReLU between convolutions and no normalisation; the last convolution of a block starts at zero.
"""

from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn

from lic_flow.layers.conv import leaky


class ResidualBlock(nn.Module):
    """x + conv3(leaky(conv3(leaky(x)))), (B, C, H, W) -> the same shape."""

    def __init__(self, C: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(C, C, 3, padding=1), _closing(C)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(leaky(self.first(leaky(x))))


def _closing(C: int) -> nn.Conv2d:
    """The last convolution of a residual block, which starts as the identity."""
    layer = nn.Conv2d(C, C, 3, padding=1)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


class Repair(nn.Module):
    """Features (B, C, H, W) corrected by those of the pyramid before, of the same shape: MAF and ABF."""

    def __init__(self, C: int) -> None:
        super().__init__()
        self.maf, self.abf = (nn.Conv2d(C, C, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        return x * torch.sigmoid(self.maf(before)) + torch.tanh(self.abf(before))


class Level(nn.Module):
    """One level of one pyramid: (B, C_in, H, W) and the features of the pyramid before -> (B, C, H/2, W/2).

    Args:
        pooled: add the max-pool path, as the middle pyramid does.
        repaired: take corrections from the pyramid before.
    """

    def __init__(self, C_in: int, C: int, pooled: bool, repaired: bool) -> None:
        super().__init__()
        self.down = nn.Conv2d(C_in, C, 3, stride=2, padding=1)
        self.pooled = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(C_in, C, 1)) if pooled else None
        self.repair = Repair(C) if repaired else None
        self.rest = _closing(C)
        self.block = ResidualBlock(C)

    def forward(self, x: Tensor, before: Tensor | None) -> Tensor:
        n = self.down(x) if self.pooled is None else self.down(x) + self.pooled(x)
        if self.repair is not None and before is not None:
            n = self.repair(n, before)
        return self.block(n + self.rest(leaky(n)))


class RepairedPyramids(nn.Module):
    """x (B, 3, H, W) -> the embeddings of some of the last levels, fine to coarse, at H / 2^level.

    What none of them needs is not computed; it keeps its weights, for other `outputs`, and takes no gradient.

    Args:
        widths: channels of each level.
        embedding: channels of what comes out.
        pyramids: 1 to 3: left, middle, right.
        repaired: levels, from 1, at which a pyramid is repaired by the one before; may be empty.
        outputs: whether each of the last levels comes out, fine to coarse.
    """

    def __init__(
        self,
        widths: Sequence[int] = (32, 64, 96, 128),
        embedding: int = 128,
        pyramids: int = 3,
        repaired: Collection[int] = (2, 3, 4),
        outputs: Sequence[bool] = (True, True),
    ) -> None:
        super().__init__()
        if not 1 <= pyramids <= 3:
            raise ValueError(f"pyramids must be 1, 2 or 3, not {pyramids}")
        if wrong := sorted(set(repaired) - set(range(1, len(widths) + 1))):
            raise ValueError(f"repaired names level {wrong[0]} of {len(widths)} levels")
        inputs = [3, *widths[:-1]]
        self.pyramids = nn.ModuleList(
            nn.ModuleList(
                Level(C_in, C, pooled=number == 1, repaired=number > 0 and level in repaired)
                for level, (C_in, C) in enumerate(zip(inputs, widths), 1)
            )
            for number in range(pyramids)
        )
        self.embed = nn.ModuleList(nn.Conv2d(pyramids * C, embedding, 1) for C in widths[-len(outputs) :])
        first = len(widths) - len(outputs)
        self.outputs = [first + place for place, out in enumerate(outputs) if out]  # levels, from 0
        self.depth = self.outputs[-1] + 1
        for unused in (
            *(level for pyramid in self.pyramids for level in pyramid[self.depth :]),  # type: ignore[index]
            *(embed for embed, out in zip(self.embed, outputs) if not out),
        ):
            unused.requires_grad_(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        maps: list[Tensor | None] = [x] * len(self.pyramids)
        levels = []
        for level in list(zip(*self.pyramids))[: self.depth]:
            before: Tensor | None = None
            for number, step in enumerate(level):
                before = maps[number] = step(maps[number], before)
            levels.append(torch.cat([m for m in maps if m is not None], 1))
        first = len(self.pyramids[0]) - len(self.embed)  # type: ignore[arg-type]
        return [self.embed[level - first](leaky(levels[level])) for level in self.outputs]
