"""Networks that predict a block of 8x8 samples from the decoded blocks around it (`lic_image.layers.intra_modes`).

    `FullyConnected`   J. Li, B. Li, J. Xu, R. Xiong, W. Gao: "Fully connected network-based intra prediction for image
                       coding", IEEE Trans. Image Processing 2018: eight reference lines, layers with PReLU
    `Convolutional`    T. Dumas, A. Roumy, C. Guillemot: "Context-adaptive neural network-based prediction for image
                       compression", IEEE Trans. Image Processing 2019: convolutions over the samples above and over
                       those left, a layer that merges the two, transposed convolutions; trained with random masks

Both are given normalised samples, 0 where nothing is known, and give what is added to the planar prediction, in the
same units. Their last layer is 0 at the start, so that they start as planar. In the papers the block's prediction comes
from the network alone, and its input is the samples less their mean. Here they are divided by their deviation, too:
samples of [0, 1] less their mean are small beside masks and biases, and 300 steps of training changed no prediction.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from common.errors import LicError
from common.randomness import uniform_noise
from lic_image.layers.intra_modes import BLOCK, Context

SAMPLES = 4 * BLOCK * BLOCK  # of the four blocks around, in each colour
LEAST_DEVIATION = 0.01  # of normalised samples: flat contexts are not blown up to noise


def normalised(context: Context, mean: Tensor) -> tuple[Context, Tensor]:
    """The known samples less `mean` (n, 3, 1, 1), divided by their deviation from it; and that, (n, 1, 1, 1)."""
    above, left = (context.above - mean) * context.above_known, (context.left - mean) * context.left_known
    squares, known = (a.sum((1, 2, 3)) + b.sum((1, 2, 3)) for a, b in ((above.square(), left.square()), context[2:]))
    deviation = (squares / (3 * known).clamp_min(1)).sqrt().clamp_min(LEAST_DEVIATION)[:, None, None, None]
    return Context(above / deviation, left / deviation, *context[2:]), deviation


class FullyConnected(nn.Module):
    """Context of n blocks -> (n, 3, 8, 8). Args: width and number of the hidden layers."""

    def __init__(self, width: int = 256, layers: int = 3) -> None:
        super().__init__()
        sizes = [3 * SAMPLES + SAMPLES, *[width] * layers]  # three colours, and what is known
        hidden = [(nn.Linear(a, b), nn.PReLU()) for a, b in pairwise(sizes)]
        self.layers = nn.Sequential(*(module for pair in hidden for module in pair))
        self.last = nn.Linear(width, 3 * BLOCK**2)
        _silence(self.last)

    def forward(self, context: Context) -> Tensor:
        seen = torch.cat([part.flatten(1) for part in context], 1)
        return self.last(self.layers(seen)).unflatten(1, (3, BLOCK, BLOCK))


class Convolutional(nn.Module):
    """Context of n blocks -> (n, 3, 8, 8).

    Args:
        width: channels of the convolutions.
        masks: part of the blocks for which `masked` takes a random part of their context away: columns from the right
            of the samples above, rows from the bottom of those left.
    """

    def __init__(self, width: int = 48, masks: float = 0.5) -> None:
        super().__init__()
        if not 0 <= masks <= 1:
            raise LicError(f"prediction.network.masks is a part of the blocks, 0 to 1, not {masks}.")
        self.masks = masks
        self.above, self.left = (
            nn.Sequential(
                nn.Conv2d(4, width, 5, stride=2, padding=2),
                nn.LeakyReLU(0.1),
                nn.Conv2d(width, width, 3, stride=2, padding=1),
                nn.LeakyReLU(0.1),
            )
            for _ in range(2)
        )
        self.merge = nn.Linear(width * (2 * 6 + 2 * 2), width * 2 * 2)
        self.synthesis = nn.Sequential(
            nn.LeakyReLU(0.1),
            nn.ConvTranspose2d(width, width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.ConvTranspose2d(width, 3, 4, stride=2, padding=1),
        )
        _silence(self.synthesis[-1])

    def forward(self, context: Context) -> Tensor:
        above = self.above(torch.cat([context.above, context.above_known], 1))
        left = self.left(torch.cat([context.left, context.left_known], 1))
        merged = self.merge(torch.cat([above.flatten(1), left.flatten(1)], 1))
        return self.synthesis(merged.unflatten(1, (-1, 2, 2)))

    def masked(self, context: Context) -> Context:
        """For the network's own loss: of some blocks, the first columns above and first rows left, uniformly many."""
        drawn = uniform_noise(context.left.new_empty(len(context.left), 3, 1, 1)) + 0.5
        whole = drawn[:, :1] >= self.masks
        columns = torch.arange(3 * BLOCK, device=drawn.device) < BLOCK + drawn[:, 1:2] * 2 * BLOCK
        rows = (torch.arange(BLOCK, device=drawn.device) < drawn[:, 2:3] * BLOCK).transpose(2, 3)
        above, left = ((whole | kept).to(drawn.dtype) for kept in (columns, rows))
        return Context(
            context.above * above, context.left * left, context.above_known * above, context.left_known * left
        )


def _silence(layer: nn.Module) -> None:
    nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
