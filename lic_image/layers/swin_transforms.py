"""Analysis and synthesis of Swin blocks.

    g_a   x ─ patch embedding, LN ─ blocks C ─ merge ─ blocks 2 C ─ merge ─ blocks 4 C ─ merge ─ blocks 8 C ─ y
    g_s   y_hat ─ blocks 8 C ─ split ─ blocks 4 C ─ split ─ blocks 2 C ─ split ─ blocks C ─ conv5, shuffle, conv3

R. Zou, C. Song, Z. Zhang: "The devil is in the details: window-based attention for image compression", CVPR 2022.
The patch embedding is a convolution whose kernel is its stride. MLPs have four times the channels. Parts of blocks are
left out more and more often, from 0 for the first block of each transform; that, and what surrounds the blocks, is as
in the published code. How layers begin is ours: from torch's own values, as in that code, a small codec learns much
more slowly, and not at all at a learning rate of 2e-3.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torchvision.models.swin_transformer import PatchMerging

from common.layers.drop_path import rising
from common.layers.swin_blocks import swin_blocks
from lic_image.layers.patch_splitting import PatchSplitting

MLP = 4.0


def initialise(layers: nn.Sequential) -> None:
    """Blocks begin near the identity, as Swin transformers do; what is between them keeps lengths, as far as it can."""
    for layer in layers.modules():
        if isinstance(layer, nn.Linear) and layer.bias is None:
            nn.init.orthogonal_(layer.weight)
        elif isinstance(layer, nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)


class SwinAnalysis(nn.Module):
    """x (B, inputs, H, W) -> y (B, 8 C, H / (8 patch), W / (8 patch)).

    Args:
        C: channels behind the patch embedding, a multiple of `head`.
        depths: blocks at each of the four sizes of maps.
        window: side of a window, positions.
        head: channels of an attention head.
        drop: how often the last block's parts are left out in training.
        inputs: channels of x.
        patch: side of a patch, pixels.
    """

    def __init__(
        self,
        C: int,
        depths: Sequence[int],
        window: int = 4,
        head: int = 16,
        drop: float = 0.0,
        inputs: int = 3,
        patch: int = 2,
    ) -> None:
        super().__init__()
        self.embed, self.norm = nn.Conv2d(inputs, C, patch, stride=patch), nn.LayerNorm(C)
        layers: list[nn.Module] = []
        drops = rising(drop, sum(depths))
        for i, depth in enumerate(depths):
            layers += [PatchMerging(C << i - 1)] if i else []
            layers += [swin_blocks(C << i, (C << i) // head, window, MLP, drops[:depth])]
            drops = drops[depth:]
        self.layers = nn.Sequential(*layers)
        initialise(self.layers)

    def forward(self, x: Tensor) -> Tensor:
        patches = self.norm(self.embed(x).movedim(1, 3))
        return self.layers(patches).movedim(3, 1)


class SwinSynthesis(nn.Module):
    """y_hat (B, 8 C, h, w) -> x_hat (B, outputs, 8 patch h, 8 patch w). Arguments mirror `SwinAnalysis`'s."""

    def __init__(
        self,
        C: int,
        depths: Sequence[int],
        window: int = 4,
        head: int = 16,
        drop: float = 0.0,
        outputs: int = 3,
        patch: int = 2,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        drops = rising(drop, sum(depths))
        for i, depth in reversed(list(enumerate(depths))):
            layers += [swin_blocks(C << i, (C << i) // head, window, MLP, drops[:depth])]
            layers += [PatchSplitting(C << i)] if i else []
            drops = drops[depth:]
        self.layers = nn.Sequential(*layers)
        initialise(self.layers)
        self.leave = nn.Sequential(
            nn.Conv2d(C, C * patch**2, 5, padding=2), nn.PixelShuffle(patch), nn.Conv2d(C, outputs, 3, padding=1)
        )

    def forward(self, y_hat: Tensor) -> Tensor:
        return self.leave(self.layers(y_hat.movedim(1, 3)).movedim(3, 1))
