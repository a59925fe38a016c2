"""What stands for the choice of one centre of a codebook in training, where it has no gradient.

An assignment is given latents as vectors, y (B, G, h, w, d), and the L centres of each of G groups, (G, L, d). It tells
how much of each centre y is taken for: (B, G, h, w, L), of sum 1. What the networks behind see is the sum of the
centres with these weights, and the rate is the weighted sum of the centres' bits (`common.entropy.codebook`). In
evaluation y is its nearest centre.

    ==================  ======================================  ====================================================
    assignment          weights                                 source
    ==================  ======================================  ====================================================
    `StochasticSign`    1 of a drawn one of two centres         G. Toderici et al., "Variable rate image compression
                                                                with recurrent neural networks", ICLR 2016, 3.2
    `SoftToHard`        softmax(-σ |y - c|²), σ rising          E. Agustsson et al., "Soft-to-hard vector quantization
                                                                for end-to-end learning compressible
                                                                representations", NeurIPS 2017, section 3.2
    ==================  ======================================  ====================================================
"""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from common.entropy.quantisers import straight_through
from common.errors import LicError
from common.randomness import uniform_noise

LEAST_SIZE = 1e-6  # of a sign, by which y is divided


class Assignment(ABC):
    """Called in training only."""

    @abstractmethod
    def __call__(self, y: Tensor, centres: Tensor, spread: Tensor) -> Tensor:
        """Weights (B, G, h, w, L); `spread` (G,) is the mean squared distance to the nearest centre at the start."""

    def at(self, progress: float) -> None:
        """Told before each step which part of training is over, from 0 to 1; most do not change."""
        return


class StochasticSign(Assignment):
    """Of the centres -a and +a, the second with probability (1 + t) / 2, t = tanh(y / a); the gradient is that of t.

    Training may bring a below 0: then the second is the negative one, and the likelier for negative y.
    """

    def __call__(self, y: Tensor, centres: Tensor, spread: Tensor) -> Tensor:
        second = centres[:, 1, 0].reshape(-1, 1, 1)
        t = torch.tanh(y[..., 0] / torch.where(second < 0, second.clamp_max(-LEAST_SIZE), second.clamp_min(LEAST_SIZE)))
        sign = straight_through(t, torch.where(uniform_noise(t) < t / 2, 1.0, -1.0))
        return torch.stack([(1 - sign) / 2, (1 + sign) / 2], -1)


class SoftToHard(Assignment):
    """softmax(-σ |y - c|² / spread): soft at the beginning of training, hard at its end.

    Args:
        sharpness: σ at the beginning and at the end of training, in between its logarithm is linear in the steps. The
            paper raises it by a controller; this schedule and the unit `spread` are our choice.

    Raises:
        LicError: `sharpness` is not two numbers above 0.
    """

    def __init__(self, sharpness: tuple[float, float] = (1.0, 50.0)) -> None:
        if len(sharpness) != 2 or not all(s > 0 and math.isfinite(s) for s in sharpness):
            raise LicError(f"sharpness of soft_to_hard is two numbers above 0, first and last, not {sharpness}.")
        self._ends = tuple(sharpness)
        self._sharpness = torch.tensor(float(sharpness[0]))  # a tensor, as a compiled step is compiled anew for numbers

    def at(self, progress: float) -> None:
        first, last = self._ends
        self._sharpness.fill_(first * (last / first) ** progress)

    @property
    def sharpness(self) -> float:
        """As it is now."""
        return float(self._sharpness)

    def __call__(self, y: Tensor, centres: Tensor, spread: Tensor) -> Tensor:
        distance = squared_distances(y, centres) / spread.reshape(-1, 1, 1, 1)
        return torch.softmax(-self._sharpness * distance, -1)


def squared_distances(y: Tensor, centres: Tensor) -> Tensor:
    """|y - c|² of y (B, G, h, w, d) and centres (G, L, d), (B, G, h, w, L)."""
    parts = ((y[..., i, None] - centres[:, None, None, :, i]).square() for i in range(y.shape[-1]))
    return sum(parts, start=torch.zeros((), device=y.device))
