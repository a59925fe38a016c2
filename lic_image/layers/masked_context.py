"""Minnen's context: each position is predicted from the 5x5 positions around it that come before it.

    side (B, S, h, w) ─────────────────────────────┐
    y_hat, 12 of 5x5 positions ─ linear ─ context ─┴─ linear ─ LeakyReLU ─ linear ─ scales, means

D. Minnen, J. Ballé, G. Toderici: "Joint autoregressive and hierarchical priors for learned image compression", NeurIPS
2018: what the thesis (A. A. Jeny, 2022, table 7.7) compares its own context with. Widths are those of that one.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from common.entropy import exact
from common.entropy.exact.mode import wanted
from common.entropy.exact.positions import AtPositions
from common.entropy.raster import ONE_GROUP, Told, Window, gathered, raster, taps
from common.entropy.walks import Visitor


def network(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """What tells the parameters of a position from all that is known of it."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.LeakyReLU(0.01), nn.Linear(hidden, outputs))


class MaskedContext(nn.Module):
    """Args: channels of y, of the side information, of the context; `hidden` channels of the network behind it."""

    groups = ONE_GROUP

    def __init__(self, M: int, side: int, width: int = 128, hidden: int = 320) -> None:
        super().__init__()
        self.local = nn.Linear(len(taps()) * M, width)
        self.told = network(side + width, 2 * hidden, 2 * M)

    def walk(self, side: Tensor, visit: Visitor) -> Tensor:
        """Goes through y in coding order -> y_hat (B, M, h, w)."""
        return raster(visit, side, self.predictor)

    def predictor(self, side: Tensor, window: Window) -> Sequence[Callable[[np.ndarray], Told]]:
        if not (wanted(self) and AtPositions.fits(list(self.told), side, window.values.shape[2])):
            return gathered(self.predict)(side, window)
        context = self.local.weight, self.local.bias
        compiled = AtPositions(context, list(self.told), side, window.values, window.reach)

        def told(positions: np.ndarray) -> Told:
            scales, means = compiled(positions, window.places(positions)).chunk(2, 2)
            return scales, means

        return [told]

    @exact.parameters
    def predict(self, side: Tensor, neighbours: Tensor) -> Told:
        """Scales and means (B, n, M) from side information (B, n, S) and neighbours (B, n, taps M)."""
        scales, means = self.told(torch.cat([side, self.local(neighbours)], 2)).chunk(2, 2)
        return scales, means
