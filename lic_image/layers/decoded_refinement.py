"""Decoded-image refinement block (DIRB): self-similarity over the whole reconstruction.

    F(O_i, O_j) = α(X)ᵗ β(X)        X_IF = softmax(F) γ(X)        X_out = X + X_IF                        (12) - (14)

A. A. Jeny, M. B. Islam, M. S. Junayed, D. Das: "Improving Image Compression with Adjacent Attention and Refinement
Block", IEEE Access 2022, section III-C: a non-local block on the decoded picture. At full resolution its scores for a
256x256 picture would take 17 GB. Our reading: the positions i and j are 8x8 patches (pixel unshuffle: 192 channels),
keys and values are pooled where a picture has more than 4096 of them, and an output projection starts at zero, so
that training starts from the codec without the block.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from lic_image.layers.nonlocal_block import NonLocal


class DecodedRefinement(nn.Module):
    """(B, 3, H, W), sides multiples of `patch` -> the same shape.

    Args:
        patch: side of the patches.
        keys: how many patches others are compared with at most; larger pictures pool them.
    """

    def __init__(self, patch: int = 8, keys: int = 4096) -> None:
        super().__init__()
        self.patch = patch
        self.similar = NonLocal(3 * patch**2, 3 * patch**2, keys=keys)

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(self.similar(F.pixel_unshuffle(x, self.patch)), self.patch)
