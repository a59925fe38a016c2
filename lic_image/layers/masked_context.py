"""Minnen's context: each position is predicted from the 5x5 positions around it that come before it.

    side (B, S, h, w) ─────────────────────────────┐
    y_hat, 12 of 5x5 positions ─ linear ─ context ─┴─ linear ─ GELU ─ linear ─ scales, means

D. Minnen, J. Ballé, G. Toderici: "Joint autoregressive and hierarchical priors for learned image compression", NeurIPS
2018: what the thesis (A. A. Jeny, 2022, table 7.7) compares its own context with. Widths are those of that one.
"""

import torch
from torch import Tensor, nn

from common.entropy import exact
from common.entropy.raster import ONE_GROUP, Told, gathered, raster, taps
from common.entropy.walks import Visitor


def network(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """What tells the parameters of a position from all that is known of it."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, outputs))


class MaskedContext(nn.Module):
    """Args: channels of y, of the side information, of the context; `hidden` channels of the network behind it."""

    groups = ONE_GROUP

    def __init__(self, M: int, side: int, width: int = 128, hidden: int = 320) -> None:
        super().__init__()
        self.local = nn.Linear(len(taps()) * M, width)
        self.told = network(side + width, 2 * hidden, 2 * M)

    def walk(self, side: Tensor, visit: Visitor) -> Tensor:
        """Goes through y in coding order -> y_hat (B, M, h, w)."""
        return raster(visit, side, gathered(self.predict))

    @exact.parameters
    def predict(self, side: Tensor, neighbours: Tensor) -> Told:
        """Scales and means (B, n, M) from side information (B, n, S) and neighbours (B, n, taps M)."""
        scales, means = self.told(torch.cat([side, self.local(neighbours)], 2)).chunk(2, 2)
        return scales, means
