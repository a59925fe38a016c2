"""Non-local differences: every position moves toward the positions that it is close to.

    w_ij = softmax_j(-τ ‖θ(x_i) - θ(x_j)‖²)        x_out = x_i + W_o Σ_j w_ij (γ(x_j) - γ(x_i))

Two changes to the non-local block of X. Wang, R. Girshick, A. Gupta, K. He (CVPR 2018, embedded Gaussian). Similarity
is a distance, as in the non-local means that the block generalises (A. Buades, B. Coll, J.-M. Morel, CVPR 2005): with
α = β = θ a product differs from it by ‖θ(x_j)‖², for lack of which all look at the strongest positions. And what is
averaged are differences: a block that is to improve a picture has to tell x_i from what resembles it.

θ and γ start as the identity, W_o at zero, τ, which is learned, at 1. How much a position counts among its own keys
depends on their number, so that the block should see as many in use as in training. Scores are never stored where
torch has a fused attention for the device.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lic_image.layers.nonlocal_block import tokens


class NonLocalDifferences(nn.Module):
    """(B, C, H, W) -> the same shape.

    Args:
        C: channels.
    """

    def __init__(self, C: int) -> None:
        super().__init__()
        self.theta, self.gamma = (nn.Conv2d(C, C, 1, bias=False) for _ in range(2))  # differences know no bias
        for layer in (self.theta, self.gamma):
            nn.init.dirac_(layer.weight)
        self.output = nn.Conv2d(C, C, 1)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)  # type: ignore[arg-type]
        self.log_tau = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        theta, gamma = tokens(self.theta(x)), tokens(self.gamma(x))
        q = theta * self.log_tau.exp()
        # -τ‖q - k‖² but for what is the same for all j; one more dimension, also of the values, keeps attention fused.
        q = torch.cat([2 * q, -self.log_tau.exp().expand_as(q[..., :1])], 3)
        k = torch.cat([theta, theta.square().sum(3, keepdim=True)], 3)
        mean = F.scaled_dot_product_attention(q, k, F.pad(gamma, (0, 1)), scale=1.0)[..., :-1]
        return x + self.output((mean - gamma).transpose(2, 3).reshape(x.shape))
