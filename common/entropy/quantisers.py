"""What stands for rounding in training, where its gradient is zero. In evaluation all round, and integers are written.

A quantiser is given y (B, ...) and the means that y is rounded around, or None, and tells two things of y's shape:
what the rate is measured of, and what the networks behind see. With u uniform in [-1/2, 1/2), and r the rounded values
with the gradient of y ("straight through"):

    ===================  ==================  ==================  ====================================================
    quantiser            rate                picture             source
    ===================  ==================  ==================  ====================================================
    `Noise`              y + u               y + u               J. Ballé, V. Laparra, E. Simoncelli, ICLR 2017
    `StraightThrough`    r                   r                   L. Theis et al., ICLR 2017 (straight through)
    `Mixed`              y + u               r                   D. Minnen, S. Singh, ICIP 2020, section 3.3
    `Stochastic`         y, up or down       the same            L. Theis et al., ICLR 2017; G. Toderici et al., 2016
    `SoftRounding`       s(y) + u            its expected y      E. Agustsson, L. Theis, NeurIPS 2020
    `Annealed`           up or down, soft    the same            Y. Yang, R. Bamler, S. Mandt, NeurIPS 2020
    `ErrorCompensation`  c(y) + u            c⁻(c(y) + u)        "Interleaved block-based learned image compression …"
    ===================  ==================  ==================  ====================================================
"""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from common.errors import LicError
from common.randomness import rand_for_batch, uniform_noise


class Quantiser(ABC):
    """Called in training only."""

    @abstractmethod
    def __call__(self, y: Tensor, means: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """y (B, ...) in single precision, means that broadcast -> what is rated, and what is seen."""

    def at(self, progress: float) -> None:
        """Told before each step which part of training is over, from 0 to 1; most do not change."""
        return


def straight_through(y: Tensor, y_hat: Tensor) -> Tensor:
    """The value of `y_hat` with the gradient of `y`."""
    return y + (y_hat - y).detach()


def rounded(y: Tensor, means: Tensor | None) -> Tensor:
    """As in evaluation, around the means, with the gradient of y."""
    return straight_through(y, y.round() if means is None else (y - means).round() + means)


class Noise(Quantiser):
    """The rate and the picture of y + u."""

    def __call__(self, y: Tensor, means: Tensor | None = None) -> tuple[Tensor, Tensor]:
        noisy = y + uniform_noise(y)
        return noisy, noisy


class StraightThrough(Quantiser):
    """The rate and the picture of rounded values."""

    def __call__(self, y: Tensor, means: Tensor | None = None) -> tuple[Tensor, Tensor]:
        y_hat = rounded(y, means)
        return y_hat, y_hat


class Mixed(Quantiser):
    """The rate of y + u, and the picture of rounded values, as it will be decoded."""

    def __call__(self, y: Tensor, means: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return y + uniform_noise(y), rounded(y, means)


class Stochastic(Quantiser):
    """Up or down to the next value, each as probable as it is near, so that y is expected."""

    def __call__(self, y: Tensor, means: Tensor | None = None) -> tuple[Tensor, Tensor]:
        centred = y if means is None else y - means
        chosen = (centred + uniform_noise(y)).round()
        y_hat = straight_through(y, chosen if means is None else chosen + means)
        return y_hat, y_hat


class Annealed(Quantiser):
    """Stochastic Gumbel annealing: between the values below and above y, drawn softly, ever more surely to the nearer.

    "Improving inference for neural image compression", equations 8 and 9: the two have logits -atanh(distance) / τ, and
    a Gumbel softmax of temperature τ draws how much each counts. τ = min(1/2, exp(-2 (progress - 0.35))), the paper's
    annealing of 2000 steps. It is for choosing the latent of one picture (`lic compress --refine`); to train a network
    by it would be another method than the paper's.
    """

    tau = 0.5

    def at(self, progress: float) -> None:
        self.tau = min(0.5, math.exp(-2 * (progress - 0.35)))

    def __call__(self, y: Tensor, means: Tensor | None = None) -> tuple[Tensor, Tensor]:
        centred = y if means is None else y - means
        below = centred.detach().floor()
        distance = (centred - below).clamp(1e-5, 1 - 1e-5)
        logits = torch.stack([-torch.atanh(distance), -torch.atanh(1 - distance)]) / self.tau
        gumbel = -torch.log(-torch.log(rand_for_batch(logits.shape, y.device).clamp(1e-9, 1 - 1e-7)))
        soft = below + torch.softmax((logits + gumbel) / self.tau, 0)[1]
        y_hat = soft if means is None else soft + means
        return y_hat, y_hat


class SoftRounding(Quantiser):
    """The rate of s(y) + u, where s rounds softly, and the picture of what y is expected to have been then.

    s(y) = m + tanh(α (y - m)) / (2 tanh(α / 2)) with m = floor(y) + 1/2: the identity for small α, rounding for large.
    The expected y is s⁻¹(s(y) + u - 1/2) + 1/2. Its slope by s(y) is replaced by the mean over u, which is 1 (section
    4.2 of the paper): the slope itself has no bound, and training with a large α diverges.

    Args:
        alpha: at the beginning and at the end of training, in between linear in the steps. The paper raises it, too;
            these two are our choice.

    Raises:
        LicError: `alpha` is not two numbers above 0.
    """

    def __init__(self, alpha: tuple[float, float] = (1.0, 8.0)) -> None:
        if len(alpha) != 2 or not all(a > 0 and math.isfinite(a) for a in alpha):
            raise LicError(f"alpha of soft rounding is two numbers above 0, at the beginning and the end, not {alpha}.")
        self._ends = tuple(alpha)
        self._alpha = torch.tensor(float(alpha[0]))  # a tensor, as a compiled step would be compiled anew for numbers

    def at(self, progress: float) -> None:
        first, last = self._ends
        self._alpha.fill_(first + (last - first) * progress)

    @property
    def alpha(self) -> float:
        """As it is now."""
        return float(self._alpha)

    def __call__(self, y: Tensor, means: Tensor | None = None) -> tuple[Tensor, Tensor]:
        centred = y if means is None else y - means
        soft = self.soft(centred)
        soft = soft + uniform_noise(soft)
        expected = self.inverse(soft - 0.5) + 0.5  # of y, given s(y) + u: every y that it may come from is as probable
        seen = straight_through(soft, expected)
        return (soft, seen) if means is None else (soft + means, seen + means)

    def soft(self, y: Tensor) -> Tensor:
        """s(y)."""
        middle = y.detach().floor() + 0.5
        return middle + torch.tanh(self._alpha * (y - middle)) / (2 * torch.tanh(self._alpha / 2))

    def inverse(self, s: Tensor) -> Tensor:
        """The y with s = s(y)."""
        middle = s.detach().floor() + 0.5
        inside = (2 * torch.tanh(self._alpha / 2) * (s - middle)).clamp(-1 + 1e-6, 1 - 1e-6)
        return middle + torch.atanh(inside) / self._alpha


class ErrorCompensation(Quantiser):
    """Quantisation error compensation (QECM): noise on what rounding would leave, by a Fourier series of its error.

        c(y) = y + f(y),  c⁻(ŷ) = ŷ - f(ŷ),  f(y) = Σ_{k=1}^{K} (-1)^k sin(2πky) / (πk)  ≈  round(y) - y

    "Interleaved block-based learned image compression with feature enhancement and quantization error compensation",
    equations (6) to (13). In evaluation it changes nothing: c(y) rounds to what y rounds to, and f is 0 at integers.
    As values are rounded around means here, it is y less its mean that is compensated.

    Args:
        harmonics: K, 5 in the paper.
        gradient: "straight_through": that of y and of ŷ, as if f were constant. "series": that of c and c⁻, as printed,
            which for K = 5 is -1 at integers, as low as -2.5 beside them, and up to 11 between.

    Raises:
        LicError: another gradient, or no harmonics.
    """

    def __init__(self, harmonics: int = 5, gradient: str = "straight_through") -> None:
        if harmonics < 1:
            raise LicError(f"harmonics of qecm are 1 or more, not {harmonics}.")
        if gradient not in ("straight_through", "series"):
            raise LicError(f"gradient of qecm is straight_through or series, not {gradient}.")
        self.harmonics, self.gradient = harmonics, gradient

    def __call__(self, y: Tensor, means: Tensor | None = None) -> tuple[Tensor, Tensor]:
        centred = y if means is None else y - means
        noisy = centred + self.series(centred)
        noisy = noisy + uniform_noise(noisy)
        seen = noisy - self.series(noisy)
        return (noisy, seen) if means is None else (noisy + means, seen + means)

    def series(self, y: Tensor) -> Tensor:
        """f(y)."""
        y = y.detach() if self.gradient == "straight_through" else y
        terms = ((-1) ** k / (math.pi * k) * torch.sin(2 * math.pi * k * y) for k in range(1, self.harmonics + 1))
        return sum(terms, start=torch.zeros_like(y))
