"""Green first: red and blue are corrected with the help of decoded green.

    G' = G + f(G)        R' = R + f_R(R, G')        B' = B + f_B(B, G')

K. Cui, E. Steinbach: "Decoder side image quality enhancement exploiting inter-channel correlation in a 3-stage CNN",
CVPRW 2018: at low rates green is the best of the three, as luma is mostly green. The survey (section 2.2.11) names the
stages and not their layers: ours are residual blocks.
"""

import torch
from torch import Tensor, nn

from lic_image.envelope.contract import Decoded
from lic_image.envelope.post import with_quality
from lic_image.envelope.residual import Change


class GreenGuided(nn.Module):
    """Args: N, blocks: of each of the three bodies; `knows_quality`: as `Restore`'s."""

    factor, takes_hints = 1, 0

    def __init__(self, N: int = 32, blocks: int = 8, knows_quality: bool = True) -> None:
        super().__init__()
        self.knows_quality = knows_quality
        self.green = Change(1 + knows_quality, 1, N, blocks)
        self.red, self.blue = (Change(2 + knows_quality, 1, N, blocks) for _ in range(2))

    def forward(self, decoded: Decoded) -> Tensor:
        red, green, blue = decoded.picture.chunk(3, 1)
        green = green + self.green(with_quality(green, decoded, self.knows_quality))
        red, blue = (
            channel + change(with_quality(torch.cat([channel, green], 1), decoded, self.knows_quality))
            for channel, change in ((red, self.red), (blue, self.blue))
        )
        return torch.cat([red, green, blue], 1)
