"""What codecs share whose picture is g_s(y_hat), and whose latents are coded in the order of their `walk`."""

from typing import Any

from compressai.models import CompressionModel
from torch import Tensor

from common.entropy import exact
from common.entropy.walks import WalkedLatents


class WalkedCodec(WalkedLatents, CompressionModel):
    """To be given g_a, g_s and what `WalkedLatents` asks for."""

    downsampling: int

    def forward(self, x: Tensor) -> dict[str, Any]:
        y_hat, likelihoods = self.measured(self.g_a(x))
        return {"x_hat": self.g_s(y_hat), "likelihoods": likelihoods}

    def compress(self, x: Tensor) -> dict[str, Any]:
        return self.compress_latents(self.g_a(x))

    def decompress(self, strings: list[list[bytes]], shape: tuple[int, int]) -> dict[str, Tensor]:
        return {"x_hat": exact.synthesis(self.g_s, self.decompress_latents(strings, shape)).clamp(0, 1)}
