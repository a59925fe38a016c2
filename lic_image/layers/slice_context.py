"""Mean and scale of one slice of latent channels, from the hyperprior, earlier slices and half of the slice itself.

    side (B, S, h, w) ┐
    earlier slices ───┴─ 1x1 ─┬────────────── head ─ mean, log scale of the positions with row + column even
    this slice, even ─ 1x1 ─ 5x5 ─ + ──────── head ─ mean, log scale of the odd ones

Slices follow D. Minnen, S. Singh, ICIP 2020 (channel-wise autoregression), the even-odd split D. He et al., CVPR
2021 (checkerboard context). The head's last layer is zero at the start: mean 0, scale 1 of normalised latents.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from common.entropy import exact

# Latents enter a network as they are and as log(1 + 3|y|): their size says more about scales than their sign.
MAGNITUDE = 3.0


def with_magnitude(u_hat: Tensor, y_hat: Tensor) -> Tensor:
    """(B, C, h, w) normalised and quantised latents -> (B, 2C, h, w)."""
    return torch.cat([u_hat, torch.log1p(MAGNITUDE * y_hat.abs())], 1)


class SliceContext(nn.Module):
    """Parameters of one slice.

    Args:
        channels: of the slice.
        earlier: channels of all slices before it.
        side: channels of the hyperprior's features.
        width: of the hidden layers.
    """

    def __init__(self, channels: int, earlier: int, side: int, width: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(side + 2 * earlier, width, 1)
        self.neighbours = nn.Sequential(
            nn.Conv2d(2 * channels, width, 1), nn.Conv2d(width, width, 5, padding=2, groups=width)
        )
        self.spatial = nn.Conv2d(width, width, 5, padding=2, groups=width)
        self.mix = nn.Conv2d(width, width, 1)
        self.leave = nn.Conv2d(width, 2 * channels, 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    @exact.parameters
    def base(self, side: Tensor, earlier: Tensor | None) -> Tensor:
        """What is known before the slice, (B, width, h, w)."""
        return self.enter(side if earlier is None else torch.cat([side, earlier], 1))

    @exact.parameters
    def joined(self, h: Tensor, u_hat: Tensor, y_hat: Tensor) -> Tensor:
        """h, and what the slice's positions so far say; they are 0 elsewhere."""
        return h + self.neighbours(with_magnitude(u_hat, y_hat))

    @exact.parameters
    def head(self, h: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """-> mean and log scale of normalised latents, (B, channels, h, w) each, at `positions`, bool (h, w).

        Elsewhere they have no meaning.
        """
        told = exact.at_positions(self.by_itself, self.spatial(F.gelu(h)), positions)
        mean, log_scale = told.chunk(2, 1)
        return mean, log_scale.clamp(-12, 8)

    def by_itself(self, h: Tensor) -> Tensor:
        """The end of `head`, of every position by itself."""
        return self.leave(F.gelu(self.mix(h)))
