"""`tinylic`: transforms of convolutions and neighbourhood attention, and a context of nine stages.

    x ─ conv5 ─ NA ─ conv3 ─ NA ─ conv3 ─ NA ─ conv3 ─ NA ─ y ──── round ──── y_hat ─ the mirror image ─ x_hat
                                                            │         │ p(y | side, earlier slices and phases)
                                                            └ conv3 ─ NA ─ conv3 ─ NA ─ z ─ round ─ z_hat ─ h_s ─ side

M. Lu, F. Chen, S. Pu, Z. Ma: "High-efficiency lossy image coding through adaptive neighborhood information
aggregation", 2022 (arXiv:2204.11448); the backbone of the interleaved codec. All convolutions have stride 2. Windows
are 7x7, in the hyperprior 3x3; heads have 16 channels; parts of blocks are left out more and more often, up to a tenth.
The widths of the context's hidden layers are ours, for the 28.3 M parameters that are published.
"""

import math
from collections.abc import Callable, Sequence

import torch
from compressai.models.utils import conv, deconv
from torch import Tensor, nn

from common.entropy.models import EntropyBottleneck, GaussianConditional
from common.errors import LicError
from common.layers.classical_start import Start, known, start_as
from common.layers.drop_path import rising
from common.layers.pyramid_start import optimal_step
from lic_image.codecs.walked import WalkedCodec
from lic_image.layers.multistage_context import MultistageContext
from lic_image.layers.neighbourhood_stage import NeighbourhoodStage


class TinyLIC(WalkedCodec):
    """The codec.

    Args:
        widths: channels after each of g_a's four convolutions, multiples of `head`; the last are y's.
        depths: attention blocks behind each.
        N: channels of z and of the layers around it.
        context: widths of the context's two hidden layers.
        drop: how often the last block's parts are left out in training.
        head: channels of a head.
        inputs: channels of what is coded: 3, or those of features that another codec makes of the image.
        reduced: how much smaller these features are than the image; so many strides of the first convolutions, of two
            each, are left out. Where there are such features, the first convolution is 3x3.
        between: what to put between a convolution and its attention, called with the channels.
        start: "random", as published, or "pyramid" or "klt", which save short runs their first thousands of steps; only
            where an image is coded, and with nothing `between`.
    """

    def __init__(
        self,
        widths: Sequence[int] = (128, 192, 256, 320),
        depths: Sequence[int] = (2, 2, 6, 2),
        N: int = 192,
        context: tuple[int, int] = (88, 64),
        drop: float = 0.1,
        head: int = 16,
        inputs: int = 3,
        reduced: int = 1,
        between: Callable[[int], nn.Module] | None = None,
        start: Start = "random",
    ) -> None:
        super().__init__()
        if start != "random" and (inputs != 3 or between is not None):
            raise LicError(f"start={start} is for an image and without ICRSA: set model.codec.start=random.")
        self.start = known(start)
        M = widths[-1]
        kernels = (5 if inputs == 3 else 3, 3, 3, 3)
        strides = [1 if 2**i < reduced else 2 for i in range(4)]
        self.downsampling = 4 * math.prod(strides)
        count = sum(depths) + 4
        drops = rising(drop, count)

        def stage(C: int, depth: int, first: int, window: int = 7) -> NeighbourhoodStage:
            return NeighbourhoodStage(C, window, drops[first : first + depth], head)

        analysis: list[nn.Module] = []
        synthesis: list[nn.Module] = []
        before = 0
        for C_in, C, depth, kernel, stride in zip((inputs, *widths), widths, depths, kernels, strides):
            module = [between(C)] if between else []
            analysis += [conv(C_in, C, kernel, stride), *module, stage(C, depth, before)]
            module = [between(C)] if between else []
            last = deconv(C, C_in, kernel, stride)
            synthesis = [stage(C, depth, count - 4 - before - depth), *module, last, *synthesis]
            before += depth
        self.g_a, self.g_s = nn.Sequential(*analysis), nn.Sequential(*synthesis)
        self.h_a = nn.Sequential(conv(M, N, 3), stage(N, 2, before, 3), conv(N, N, 3), stage(N, 2, before + 2, 3))
        self.h_s = nn.Sequential(stage(N, 2, 0, 3), deconv(N, N, 3), stage(N, 2, 2, 3), deconv(N, 2 * M, 3))
        self.context = MultistageContext(M, 2 * M, context)
        self.entropy_bottleneck = EntropyBottleneck(N)
        self.gaussian_conditional = GaussianConditional()

    @torch.no_grad()
    def start_from(self, x: Tensor, lmbda: float) -> None:
        """Set what starts from data: `x` (B, 3, H, W) in [0, 1]; `lmbda` in the units of the squared error."""
        if self.start != "random":
            for stage in (*self.g_a, *self.g_s):
                if isinstance(stage, NeighbourhoodStage):
                    stage.start_quietly()
            step = optimal_step(lmbda * 255**2)
            deviations = start_as(self.start, self.g_a, self.g_s, x, step, between=NeighbourhoodStage.GAIN)
            self.context.start_from(deviations)
