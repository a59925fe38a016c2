"""Decoded-image refinement block (DIRB): self-similarity over the whole reconstruction.

    F(O_i, O_j) = α(X)ᵗ β(X)        X_IF = softmax(F) γ(X)        X_out = X + X_IF                        (12) - (14)

A. A. Jeny, M. B. Islam, M. S. Junayed, D. Das: "Improving Image Compression with Adjacent Attention and Refinement
Block", IEEE Access 2022, section III-C: a non-local block on the decoded picture. At full resolution its scores for a
256x256 picture would take 17 GB. Our reading: the positions i and j are 8x8 patches (pixel unshuffle: 192 channels),
those that others are compared with are thinned out where a picture has more than 4096 of them, and an output
projection starts at zero, so that training starts from the codec without the block.

As printed (similarity="product", the default) the block learns next to nothing: trained with a tiny codec for 4000
steps, it adds one constant patch to every patch (99.99 % of its change on two Kodak pictures). Comparing by
distance and averaging differences (similarity="distance") gains more where pictures are as large as the crops of
training: behind a frozen, trained tiny codec, after 600 steps, 0.40 dB on 100 held-out crops of 128x128 at 31.2 dB,
as printed 0.01 dB. But it does not carry over to larger pictures: trained with the codec on such crops (256
patches) it loses 1.4 dB on Kodak (6144 patches, thinned out), since the weight of a patch among its own keys
depends on their number.
"""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from lic_image.layers.nonlocal_block import NonLocal
from lic_image.layers.nonlocal_differences import NonLocalDifferences


class DecodedRefinement(nn.Module):
    """(B, 3, H, W), sides multiples of `patch` -> the same shape.

    Args:
        patch: side of the patches.
        keys: how many patches others are compared with at most.
        similarity: "product", as printed, or "distance".
    """

    def __init__(
        self, patch: int = 8, keys: int = 4096, similarity: Literal["product", "distance"] = "product"
    ) -> None:
        super().__init__()
        self.patch = patch
        C = 3 * patch**2
        self.similar = NonLocalDifferences(C, keys) if similarity == "distance" else NonLocal(C, C, keys=keys)

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(self.similar(F.pixel_unshuffle(x, self.patch)), self.patch)
