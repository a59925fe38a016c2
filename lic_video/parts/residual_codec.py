"""Residual codec: what the prediction lacks, by strided convolutions and a hyperprior, or by any image codec.

    g_a   conv5 s2 64 ─ GDN ─ conv5 s2 64 ─ GDN ─ conv5 s2 64 ─ GDN ─ conv5 s2 96
    g_s   the mirror image, transposed convolutions and inverse GDN

A. A. Jeny: thesis, section 5.4, after J. Ballé et al., ICLR 2018, and Z. Wu et al.
"""

from compressai.models import CompressionModel
from torch import Tensor, nn

from common.capabilities import MovesWithLambda, StartsFromData
from common.entropy.hyperprior import HyperpriorLatents
from common.entropy.packet import PacketReader, PacketWriter
from common.layers.pyramid_start import lmbda_of_step
from common.layers.strided import analysis, synthesis
from lic_video.parts.coded_map import CodedMap, MapCodec
from lic_video.parts.image_in_packet import read_image, write_image


def residual_codec(N: int = 64, M: int = 96, hyper: int = 96, means: bool = False) -> MapCodec:
    """Codes residuals (B, 3, H, W) in [-1, 1], sides multiples of 16; arguments as of `motion_codec`."""
    return MapCodec(analysis(N, M), synthesis(N, M), HyperpriorLatents(M, hyper, means))


class ImageAsResidualCodec(nn.Module):
    """Codes residuals (B, 3, H, W) in [-1, 1] as pictures in [0, 1], grey where nothing lacks.

    Args:
        codec: any image codec; sides must be multiples of its `downsampling`.
    """

    def __init__(self, codec: CompressionModel) -> None:
        super().__init__()
        self.codec = codec

    @property
    def multiple(self) -> int:
        return self.codec.downsampling

    def forward(self, x: Tensor) -> CodedMap:
        out = self.codec(0.5 + x / 2)
        x_hat = out["x_hat"] if self.training else out["x_hat"].clamp(0, 1)
        return CodedMap(2 * x_hat - 1, out["likelihoods"])

    def write(self, x: Tensor, packet: PacketWriter) -> Tensor:
        """x (1, 3, H, W) -> x_hat, which `packet` then holds."""
        return 2 * write_image(self.codec, 0.5 + x / 2, packet) - 1

    def read(self, size: tuple[int, int], packet: PacketReader) -> Tensor:
        """x_hat (1, 3, *size), taken from `packet`."""
        return 2 * read_image(self.codec, size, packet) - 1

    def move(self, ratio: float) -> None:
        """Go from the operating point λ to `ratio`·λ."""
        if isinstance(self.codec, MovesWithLambda):
            self.codec.move(ratio)

    def start_from(self, x: Tensor, step: float) -> None:
        """Begin as the codec begins with such pictures as `x` (B, 3, H, W) gives, `step` in x's units."""
        if isinstance(self.codec, StartsFromData):
            self.codec.start_from(0.5 + x / 2, lmbda_of_step(step / 2))
