"""Strided convolutions with GDN: the transforms of Ballé 2018, used by every CNN codec here.

    g_a   x ─ conv5 s2 ─ GDN ─ conv5 s2 ─ GDN ─ conv5 s2 ─ GDN ─ conv5 s2 ─ y
    g_s   the mirror image, transposed convolutions and inverse GDN

J. Ballé, D. Minnen, S. Singh, S. J. Hwang, N. Johnston: "Variational image compression with a scale hyperprior",
ICLR 2018, figure 4. GDN is CompressAI's. The modules are numbered as CompressAI numbers them, so that weights
go both ways.
"""

from compressai.layers import GDN
from compressai.models.utils import conv, deconv
from torch import nn


def analysis(N: int, M: int) -> nn.Sequential:
    """x (B, 3, H, W) -> y (B, M, H/16, W/16)."""
    return nn.Sequential(conv(3, N), GDN(N), conv(N, N), GDN(N), conv(N, N), GDN(N), conv(N, M))


def synthesis(N: int, M: int) -> nn.Sequential:
    """y_hat (B, M, H/16, W/16) -> x_hat (B, 3, H, W)."""
    return nn.Sequential(
        deconv(M, N),
        GDN(N, inverse=True),
        deconv(N, N),
        GDN(N, inverse=True),
        deconv(N, N),
        GDN(N, inverse=True),
        deconv(N, 3),
    )
