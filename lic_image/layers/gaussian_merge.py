"""Gaussian merge block (GMB): a mixture of G Gaussians for every latent.

    p(y | z_hat) = Σ_g W_g N(φ_g, ϑ_g²)        W = softmax over g                                             (9)

    h_s(z_hat) ─ conv1 C→C ─ LeakyReLU ─ conv1 C→5C/4 ─ LeakyReLU ─ conv1 5C/4→3·G·M ─ (scales, means, logits)

A. A. Jeny, M. B. Islam, M. S. Junayed, D. Das: "Improving Image Compression with Adjacent Attention and Refinement
Block", IEEE Access 2022, section III-B. The printed channel counts (6N; 5N + N; 4GN) contradict each other; ours are
640 → 640 → 800 → 3·G·M for M = 320, and no activation at the end, where the text counts three LeakyReLU. The printed
weights (a sigmoid W and 1 - W) fit two components only, the softmax of its general case fits all. Scales are bounded
below by the entropy model (0.11), as everywhere. With G = 1 this is a plain Gaussian, and coded as one: around its
mean, where several components leave no one mean to round around and y_hat is round(y).
"""

from typing import NamedTuple

from torch import Tensor, nn


class Mixture(NamedTuple):
    """Parameters (B, G·M, h, w), component by component; weights sum to one over the components."""

    scales: Tensor
    means: Tensor
    weights: Tensor


class GaussianMerge(nn.Module):
    """(B, C, h, w) -> `Mixture` for latents (B, M, h, w).

    Args:
        C: channels of what h_s gives.
        M: channels of y.
        G: components.
    """

    def __init__(self, C: int, M: int, G: int = 3) -> None:
        super().__init__()
        self.G = G
        self.layers = nn.Sequential(
            nn.Conv2d(C, C, 1),
            nn.LeakyReLU(inplace=True),
            nn.Conv2d(C, C * 5 // 4, 1),
            nn.LeakyReLU(inplace=True),
            nn.Conv2d(C * 5 // 4, 3 * G * M, 1),
        )

    def forward(self, h: Tensor) -> Mixture:
        scales, means, logits = self.layers(h).chunk(3, 1)
        weights = logits.unflatten(1, (self.G, -1)).softmax(1).flatten(1, 2)
        return Mixture(scales, means, weights)
