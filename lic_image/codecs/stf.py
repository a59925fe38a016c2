"""`stf`: transforms of Swin blocks, and a context of channel slices.

    x ─ g_a ─ y ────── round ────── y_hat + what rounding took ─ g_s ─ x_hat          Swin blocks
              │          │ p(y | latent scales and means, first slices)
              └─ h_a ─ z ─ round ─ z_hat ─┬─ h_mean_s ── latent means                 convolutions
                                          └─ h_scale_s ─ latent scales

R. Zou, C. Song, Z. Zhang: "The devil is in the details: window-based attention for image compression", CVPR 2022
(STF, 99.9 M parameters). Widths of the hyperprior are those of the published code: the text has none.
"""

from collections.abc import Sequence
from itertools import pairwise

from compressai.layers import conv3x3, subpel_conv3x3
from torch import Tensor, nn

from common.entropy import exact
from common.entropy.models import EntropyBottleneck, GaussianConditional
from common.entropy.walks import Visitor
from common.errors import LicError
from lic_image.codecs.walked import WalkedCodec
from lic_image.layers.channel_slices import ChannelSlices, gelu_between
from lic_image.layers.swin_transforms import SwinAnalysis, SwinSynthesis


def down(M: int, widths: Sequence[int]) -> nn.Sequential:
    """h_a: y (B, M, h, w) -> z (B, widths[-1], h/4, w/4)."""
    strides = (1, 1, 2, 1, 2)
    return gelu_between(conv3x3(*pair, stride) for pair, stride in zip(pairwise((M, *widths)), strides))


def up(M: int, widths: Sequence[int]) -> nn.Sequential:
    """h_s: z_hat (B, widths[-1], h/4, w/4) -> latent means or scales (B, M, h, w)."""
    steps = conv3x3, double, conv3x3, double, conv3x3
    return gelu_between(step(*pair) for pair, step in zip(pairwise((*reversed(widths), M)), steps))


def double(inputs: int, outputs: int) -> nn.Sequential:
    """Twice as high and wide."""
    return subpel_conv3x3(inputs, outputs, 2)


class STF(WalkedCodec):
    """The codec. y has 8 C channels.

    Args:
        C: channels behind the patch embedding, a multiple of `head`.
        depths: Swin blocks at each of the four sizes of maps.
        hyper: widths of h_a's five convolutions; the last are z's.
        slices, support, context: `ChannelSlices`' number of slices, support and widths.
        drop: how often the last block's parts are left out in training.
        window: side of an attention window, positions.
        head: channels of an attention head.
        patch: side of a patch, pixels.
        inputs: channels of what is coded: 3, or those of features that another codec makes of the image.
        reduced: how much smaller these features are than the image; a patch is so much smaller, too.

    Raises:
        LicError: `reduced` does not divide `patch`.
    """

    def __init__(
        self,
        C: int = 48,
        depths: Sequence[int] = (2, 2, 6, 2),
        hyper: Sequence[int] = (384, 336, 288, 240, 192),
        slices: int = 12,
        support: int = 6,
        context: Sequence[int] = (224, 176, 128, 64),
        drop: float = 0.2,
        window: int = 4,
        head: int = 16,
        patch: int = 2,
        inputs: int = 3,
        reduced: int = 1,
    ) -> None:
        super().__init__()
        if patch % reduced:
            raise LicError(f"STF's patches of {patch} pixels take features {patch} times smaller, not {reduced} times.")
        M, patch = 8 * C, patch // reduced
        self.downsampling = 32 * patch
        self.g_a = SwinAnalysis(C, depths, window, head, drop, inputs, patch)
        self.g_s = SwinSynthesis(C, depths, window, head, drop, inputs, patch)
        self.h_a = down(M, hyper)
        self.h_mean_s, self.h_scale_s = up(M, hyper), up(M, hyper)
        self.context = ChannelSlices(M, slices, support, context)
        self.entropy_bottleneck = EntropyBottleneck(hyper[-1])
        self.gaussian_conditional = GaussianConditional()

    @exact.parameters
    def hyper_synthesis(self, z_hat: Tensor) -> tuple[Tensor, Tensor]:
        """z_hat (B, N, h/4, w/4) -> latent scales and means, (B, M, h, w) each."""
        return self.h_scale_s(z_hat), self.h_mean_s(z_hat)

    def walk(self, z_hat: Tensor, visit: Visitor) -> Tensor:
        return self.context.walk(*self.hyper_synthesis(z_hat), visit)
