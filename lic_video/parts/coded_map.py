"""A map coded by strided transforms and a hyperprior: what motion codec and residual codec have in common.

x ─ g_a ─ y ─ latents ─ y_hat ─ g_s ─ x_hat
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from common.entropy import exact
from common.entropy.hyperprior import HyperpriorLatents
from common.entropy.packet import PacketReader, PacketWriter
from common.layers.pyramid_start import start_as_pyramid

STEP = 16  # what the transforms make smaller by


class CodedMap(NamedTuple):
    """A map as the decoder has it, (B, C, H, W), and the likelihoods of all latents by name."""

    x_hat: Tensor
    likelihoods: dict[str, Tensor]


class MapCodec(nn.Module):
    """x (B, C, H, W), sides multiples of 16.

    Args:
        g_a, g_s: the transforms, down and up by 16.
        latents: codes what is between them.
        unit: x is divided by it first, so that the transforms see values of about 1.
    """

    def __init__(self, g_a: nn.Sequential, g_s: nn.Sequential, latents: HyperpriorLatents, unit: float = 1.0) -> None:
        super().__init__()
        self.g_a, self.g_s, self.latents = g_a, g_s, latents
        self.unit = unit

    def forward(self, x: Tensor) -> CodedMap:
        y_hat, likelihoods = self.latents(self.g_a(x / self.unit))
        return CodedMap(self.decoded(y_hat), likelihoods)

    def write(self, x: Tensor, packet: PacketWriter) -> Tensor:
        """x (1, C, H, W) -> x_hat; what makes it is added to `packet`."""
        return self.decoded(self.latents.write_latents(self.g_a(x / self.unit), packet))

    def read(self, size: tuple[int, int], packet: PacketReader) -> Tensor:
        """x_hat (1, C, *size), taken from `packet`."""
        return self.decoded(self.latents.read_latents((size[0] // STEP, size[1] // STEP), packet))

    def decoded(self, y_hat: Tensor) -> Tensor:
        """The map that the latents (B, M, H/16, W/16) stand for."""
        y_hat = y_hat.contiguous(memory_format=torch.channels_last)  # transposed convolutions are a quarter faster so
        return exact.synthesis(self.g_s, y_hat) * self.unit

    @torch.no_grad()
    def start_from(self, x: Tensor, step: float) -> None:
        """Begin as a pyramid of block means and differences of such maps as `x` (B, C, H, W), `step` in x's units."""
        self.latents.start_from(start_as_pyramid(self.g_a, self.g_s, x / self.unit, step / self.unit, centre=0.0))
