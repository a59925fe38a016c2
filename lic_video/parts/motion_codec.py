"""Motion codec: the flow through four strided convolutions, with DRAS blocks or without.

    g_a   conv3 s2 N ─ GDN ─ conv3 s2 N ─ GDN ─ [DRAS] ─ conv3 s2 N ─ GDN ─ [DRAS] ─ conv3 s2 M
    g_s   the mirror image, transposed convolutions and inverse GDN

A. A. Jeny: thesis, section 5.2: "four DRAS blocks (2 each encoder and decoder), four convolution and deconvolution
layers, followed by GDN or inverse GDN, except for the last layer"; N = 128 and M = 512 by its table 7.11. Where the
text leaves it open: the blocks stand at 1/4 and 1/8; the hyperprior has 48 channels, with which the codec has the
4.97 M parameters of the table. Without the blocks the table prints more parameters than with them, which no reading of
the text gives.
"""

from compressai.layers import GDN
from compressai.models.utils import conv, deconv
from torch import nn

from common.entropy.hyperprior import HyperpriorLatents
from lic_video.layers.dras import DRAS
from lic_video.parts.coded_map import MapCodec

UNIT = 16.0  # pixels: so the transforms see values of about 1


def motion_codec(N: int = 128, M: int = 512, hyper: int = 48, dras: bool = True, means: bool = False) -> MapCodec:
    """Codes flows (B, 2, H, W) in pixels, sides multiples of 16.

    Args:
        N, M: channels of the layers and of the latents.
        hyper: channels of the side information.
        dras: with DRAS blocks.
        means: whether the side information tells the latents' means, too.
    """
    blocks = [DRAS(N) for _ in range(2)] if dras else []
    mirrored = [DRAS(N, inverse=True) for _ in range(2)] if dras else []
    g_a = nn.Sequential(
        *(conv(2, N, kernel_size=3), GDN(N)),
        *(conv(N, N, kernel_size=3), GDN(N), *blocks[:1]),
        *(conv(N, N, kernel_size=3), GDN(N), *blocks[1:]),
        conv(N, M, kernel_size=3),
    )
    g_s = nn.Sequential(
        *(deconv(M, N, kernel_size=3), GDN(N, inverse=True), *mirrored[:1]),
        *(deconv(N, N, kernel_size=3), GDN(N, inverse=True), *mirrored[1:]),
        *(deconv(N, N, kernel_size=3), GDN(N, inverse=True)),
        deconv(N, 2, kernel_size=3),
    )
    return MapCodec(g_a, g_s, HyperpriorLatents(M, hyper, means), UNIT)
