"""Channel attention of CBAM, the attention block (AB): one gate for each channel.

    A(F) = sigmoid(MLP(avgpool(F)) + MLP(maxpool(F)))        MLP(v) = W_1 relu(W_0 v)        F_out = A(F) · F

S. Woo, J. Park, J.-Y. Lee, I. S. Kweon: "CBAM: Convolutional block attention module", ECCV 2018, equation (2), as used
by A. A. Wirabudi, N. R. Fachrurrozi, P. Dorand, M. Royhan: "Enhancement of images compression using channel attention
and post-filtering based on deep autoencoder", 2024, equation (6). The latter prints the average pool twice; its text
has both pools, as CBAM. The gate alone, no spatial attention, no residual.
"""

from torch import Tensor, nn


class ChannelAttention(nn.Module):
    """(B, C, H, W) -> the same shape.

    Args:
        C: channels.
        reduction: the MLP's hidden layer has C / reduction units, at least one.
    """

    def __init__(self, C: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(1, C // reduction)
        self.mlp = nn.Sequential(nn.Linear(C, hidden, bias=False), nn.ReLU(), nn.Linear(hidden, C, bias=False))

    def gates(self, x: Tensor) -> Tensor:
        """(B, C) in 0 to 1."""
        return (self.mlp(x.mean((2, 3))) + self.mlp(x.amax((2, 3)))).sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gates(x)[:, :, None, None]
