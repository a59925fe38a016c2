"""`ticm`: transforms of merged patches and transformer blocks, and a context that sees all that is decoded.

    x ─ merge 4 ─ TB ─ merge 2 ─ TB ─ merge 2 ─ TB ─ y ──── round ──── y_hat ─ the mirror image, by expanding ─ x_hat
                                                     │        │ p(y | side, y_hat before: CGAM)
                                                     └ merge 2 ─ TB ─ merge 2 ─ TB ─ z ─ round ─ z_hat ─ h_s ─ side

A. A. Jeny, thesis 2022, section 3.4: the transformer image compression model. TB is a transformer block with spatially
reduced keys and values, merging is deformable. Table 3.1 has five stages of 64, 128, 320, 512 and 704 channels.

Ours, where the thesis is silent or contradicts itself: heads of 64 channels, as 6 heads do not divide the widths; an
MLP of 3 times the channels in the last stage, as the table's 8 breaks its own count of parameters; side information of
y's 320 channels; in the decoders blocks stand before expanding. The thesis' "six blocks" have four in the main encoder
in place of three, and it does not say where: taken as a second block on y, mirrored in the decoder (`depths`).

Batch normalisation is that of each process under DDP: on GPUs `trainer.sync_batchnorm=true` makes it that of all.
"""

from collections.abc import Callable, Sequence

from torch import nn

from common.entropy.models import EntropyBottleneck, GaussianConditional
from common.entropy.raster_latents import RasterLatents
from lic_image.codecs.walked import WalkedCodec
from lic_image.layers.causal_global import CausalGlobalContext
from lic_image.layers.deformable_merging import DeformableMerging
from lic_image.layers.masked_context import MaskedContext
from lic_image.layers.patch_expanding import PatchExpanding
from lic_image.layers.position_embedding import PositionEmbedding
from lic_image.layers.spatial_reduction import TransformerBlock

KERNELS = (4, 2, 2, 2, 2)  # of merging
MAIN = 3  # stages of g_a; the others are h_a's


class TICM(RasterLatents, WalkedCodec):
    """The codec.

    Args:
        widths: channels of the five stages, multiples of `head`; the third is y's, an even number, the last z's.
        depths: transformer blocks of each.
        mlp: widths of the MLPs, over the channels.
        reductions: of keys and values in each; all 1 for plain multi-head attention.
        context: makes the context of y's M channels and as many of side information.
        head: channels of a head.
    """

    downsampling = 64

    def __init__(
        self,
        widths: Sequence[int] = (64, 128, 320, 512, 704),
        depths: Sequence[int] = (1, 1, 1, 1, 1),
        mlp: Sequence[int] = (3, 3, 4, 4, 3),
        reductions: Sequence[int] = (8, 4, 2, 1, 1),
        context: Callable[[int, int], CausalGlobalContext | MaskedContext] = CausalGlobalContext,
        head: int = 64,
    ) -> None:
        super().__init__()
        self.M = M = widths[MAIN - 1]

        def blocks(stage: int) -> list[TransformerBlock]:
            shape = widths[stage], reductions[stage], mlp[stage], head
            return [TransformerBlock(*shape) for _ in range(depths[stage])]

        def merging(stage: int) -> list[nn.Module]:
            inputs = widths[stage - 1] if stage else 3
            layers: list[nn.Module] = [DeformableMerging(inputs, widths[stage], KERNELS[stage])]
            return [*layers, *([] if stage else [PositionEmbedding(widths[0])]), *blocks(stage)]

        def expanding(stage: int) -> list[nn.Module]:
            outputs = widths[stage - 1] if stage else 3
            last = stage in (0, MAIN)
            return [*blocks(stage), PatchExpanding(widths[stage], outputs, KERNELS[stage], last)]

        main, hyper = range(MAIN), range(MAIN, len(widths))
        self.g_a = nn.Sequential(*(layer for stage in main for layer in merging(stage)))
        self.h_a = nn.Sequential(*(layer for stage in hyper for layer in merging(stage)))
        self.h_s = nn.Sequential(*(layer for stage in reversed(hyper) for layer in expanding(stage)))
        self.g_s = nn.Sequential(*(layer for stage in reversed(main) for layer in expanding(stage)))
        self.context = context(M, M)
        self.groups = self.context.groups
        self.entropy_bottleneck = EntropyBottleneck(widths[-1])
        self.gaussian_conditional = GaussianConditional()
