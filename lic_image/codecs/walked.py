"""What codecs share whose picture is g_s(y_hat), and whose latents are coded in the order of their `walk`."""

from typing import Any

from compressai.models import CompressionModel
from torch import Tensor

from common.entropy import exact
from common.entropy.walks import Visitor, WalkedLatents


class WalkedCodec(WalkedLatents, CompressionModel):
    """To be given g_a, g_s, h_a, h_s, the two entropy models, and `context`, which walks from side information."""

    downsampling: int

    def forward(self, x: Tensor) -> dict[str, Any]:
        y_hat, likelihoods = self.measured(self.g_a(x))
        return {"x_hat": exact.synthesis(self.g_s, y_hat), "likelihoods": likelihoods}

    def compress(self, x: Tensor) -> dict[str, Any]:
        return self.compress_latents(self.g_a(x))

    def decompress(self, strings: list[list[bytes]], shape: tuple[int, int]) -> dict[str, Tensor]:
        return {"x_hat": exact.synthesis(self.g_s, self.decompress_latents(strings, shape)).clamp(0, 1)}

    def hyper_analysis(self, y: Tensor) -> Tensor:
        """y (B, M, h, w) -> z (B, N, h/4, w/4)."""
        return self.h_a(y)

    @exact.parameters
    def hyper_synthesis(self, z_hat: Tensor) -> Any:
        """z_hat (B, N, h/4, w/4) -> side information for each position of y, (B, S, h, w)."""
        return self.h_s(z_hat)

    def walk(self, z_hat: Tensor, visit: Visitor) -> Tensor:
        return self.context.walk(self.hyper_synthesis(z_hat), visit)
