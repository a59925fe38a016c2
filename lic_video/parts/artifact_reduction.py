"""Artifact reduction: the decoded frame without the traces of quantisation. ACM, with RSwCU.

    [prediction, residual] ─ conv3 ─ SwC ─ U-Net ─ SwC ─ conv3 ─ + ─ frame
              └──────────── prediction + residual ───────────────┘

A. A. Jeny: thesis, section 5.5 and figures 5.4, 5.5. The text concatenates "f_t" and the residual, and elsewhere "the
concatenated frame C": the prediction and the decoded residual are taken. The last convolution starts at zero, so that
the frame starts as their sum.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lic_video.layers.residual_block import closing
from lic_video.layers.swin_conv import SwinConv
from lic_video.layers.unet import UNet


class ArtifactContraction(nn.Module):
    """prediction, residual (B, 3, H, W) -> the frame (B, 3, H, W); sides multiples of `shuffle`.

    Args:
        C: channels outside the U-Net.
        widths, blocks: of the U-Net.
        layers, window, head: of the Swin blocks.
        shuffle: work on blocks of so many pixels a side as channels: 1 as published; 4 takes a sixteenth of the time.
    """

    def __init__(
        self,
        C: int = 64,
        widths: Sequence[int] = (16, 32, 64, 128),
        blocks: int = 3,
        layers: int = 6,
        window: int = 8,
        head: int = 16,
        shuffle: int = 1,
    ) -> None:
        super().__init__()
        self.shuffle = shuffle
        self.layers = nn.Sequential(
            nn.Conv2d(6 * shuffle**2, C, 3, padding=1),
            SwinConv(C, layers, window, head),
            UNet(C, widths, blocks),
            SwinConv(C, layers, window, head),
            closing(C, 3 * shuffle**2, 3),
        )

    def forward(self, prediction: Tensor, residual: Tensor) -> Tensor:
        seen = F.pixel_unshuffle(torch.cat([prediction, residual], 1), self.shuffle)
        seen = seen.contiguous(memory_format=torch.channels_last)  # as the attention has it
        return prediction + residual + F.pixel_shuffle(self.layers(seen), self.shuffle)


class Sum(nn.Module):
    """The frame is the prediction plus the residual: the ablation "no ACM", and DVC."""

    def forward(self, prediction: Tensor, residual: Tensor) -> Tensor:
        return prediction + residual
