"""One network for many rates: gains around the latents, `rate=gains` and `rate=step`.

    x ─ g_a ─ y ─·m(λ)─ coded as before ─·m'(λ)─ g_s ─ x_hat          z likewise: ·n(λ) behind h_a, ·n'(λ) before h_s

Z. Cui, J. Wang, S. Gao, T. Guo, Y. Feng, B. Bai: "Asymmetric gained deep image compression with continuous rate
adaptation", CVPR 2021 (`gains`: each channel has a gain m and an inverse gain m', learned at some λ; between them both
are interpolated in log λ, equation 8). `step` has one number for all channels, m' = 1/m: a quantisation step that
depends on λ.

Training draws a λ for each picture of a batch, evenly in log λ between the ends of the list, so that what lies between
the listed λ is trained as well; a batch of B has one in each of B equal parts of the range, so that its gradient is not
that of one end by chance. Gains start at what rounding with the best step for λ would take, 1/sqrt of the ratio
of two λ (`common.layers.pyramid_start.optimal_step`), and at 1 for z.

Any codec can be given gains: hooks of its analysis and synthesis multiply, its own code does not change. What is behind
n'(λ) tells the coder's parameters, so n' is computed exactly (`common.entropy.exact`).
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from compressai.models import CompressionModel
from torch import Tensor, nn

from common.capabilities import Setting
from common.entropy import exact
from common.errors import LicError
from common.randomness import spread_for_batch
from lic_image.latents import POINTS, channels_of, check_has_zero, latent_modules, side_modules

STEPS = 1000  # of quality, from 0 to 100
FINEST = 4096  # weights of the two gains between which is interpolated are multiples of 1 / FINEST, as written in files


def parsed(lmbdas: str | float | Sequence[float]) -> list[float]:
    """ "0.0018,0.0035" or numbers -> numbers, rising."""
    values = lmbdas.split(",") if isinstance(lmbdas, str) else lmbdas if isinstance(lmbdas, Sequence) else [lmbdas]
    try:
        found = sorted({float(value) for value in values})
    except (TypeError, ValueError):
        found = []
    if len(found) < 2 or not all(0 < value < math.inf for value in found):
        raise LicError(f"rate= needs lmbdas, two numbers above 0 or more, as in lmbdas='0.0018,0.18', not {lmbdas!r}.")
    return found


def with_gains(codec: CompressionModel, lmbdas: str | Sequence[float], lmbda: float, kind: str) -> CompressionModel:
    """`codec` as an `Adjustable` one, in place.

    Args:
        codec: any image codec whose `latent_modules` are known.
        lmbdas: λ at which gains are learned.
        lmbda: λ of starting values and validation, and the operating point without a word.
        kind: "vector", a gain for each channel, or "step", one for all.

    Raises:
        LicError: `lmbda` is not among or between `lmbdas`, or the codec has no such modules, or codes signs.
    """
    check_has_zero(codec, f"rate={'gains' if kind == 'vector' else 'step'}")
    known = parsed(lmbdas)
    if not known[0] <= lmbda <= known[-1]:
        raise LicError(f"lmbda is {lmbda:g}, and with rate= it must lie in lmbdas, {known[0]:g} to {known[-1]:g}.")
    points = latent_modules(codec)
    if points is None:
        raise LicError(f"rate= is not for {type(codec).__name__}, which has no modules {' and '.join(POINTS)}.")
    side = side_modules(codec)
    gains = Gains(known, lmbda, kind, channels_of(codec, [points[0], *(side[:1] if side else [])]))
    points[0].register_forward_hook(_After(gains, "of_y"))
    points[1].register_forward_pre_hook(_Before(gains, "of_y_hat"))
    if side is not None:
        side[0].register_forward_hook(_After(gains, "of_z"))
        side[1].register_forward_pre_hook(_Before(gains, "of_z_hat"))
    codec.rate_gains = gains
    codec.setting, codec.at = gains.setting, gains.at
    return codec


class _After:
    """A hook that multiplies what a module gives; an object, so that a copy of the codec has a copy of its gains."""

    def __init__(self, gains: "Gains", which: str) -> None:
        self.gains, self.which = gains, which

    def __call__(self, module: nn.Module, given: Any, out: Tensor) -> Tensor:
        return out * getattr(self.gains, self.which)()


class _Before(_After):
    """Likewise what a module is given."""

    def __call__(self, module: nn.Module, given: Any, out: Any = None) -> Any:
        return (given[0] * getattr(self.gains, self.which)(), *given[1:])


class Gains(nn.Module):
    """Gains of y, and of z if there is one, at any λ between the ends of `lmbdas`.

    Args:
        lmbdas: rising, P of them.
        lmbda: at which gains start as 1.
        kind: "vector" or "step".
        channels: of y, and of z if there is one.
    """

    def __init__(self, lmbdas: Sequence[float], lmbda: float, kind: str, channels: Sequence[int]) -> None:
        super().__init__()
        if kind not in ("vector", "step"):
            raise LicError(f"the kind of rate= is vector or step, not {kind!r}.")
        self.lmbdas, self.kind = list(lmbdas), kind
        low, high = math.log(lmbdas[0]), math.log(lmbdas[-1])
        self.places = [(math.log(each) - low) / (high - low) for each in lmbdas]
        default = round(STEPS * (math.log(lmbda) - low) / (high - low))
        curve = tuple(dict.fromkeys(round(STEPS * place) for place in self.places))  # near λ may share a quality
        self.setting = Setting("quality", 0, STEPS, default, curve, step=100 / STEPS)
        start = torch.tensor([0.5 * math.log(each / lmbda) for each in lmbdas])[:, None]
        self.log_y = nn.Parameter(start.repeat(1, 1 if kind == "step" else channels[0]))
        self.log_y_hat = nn.Parameter(-self.log_y.detach().clone()) if kind == "vector" else None
        self.log_z = nn.Parameter(torch.zeros(len(lmbdas), channels[1])) if channels[1:] else None
        self.log_z_hat = nn.Parameter(torch.zeros(len(lmbdas), channels[1])) if channels[1:] else None
        self._weights = self.weights_of(default)
        self.anchors: Tensor
        self.register_buffer("anchors", torch.tensor(self.places), persistent=False)  # where training needs no copy

    def weights_of(self, value: int) -> Tensor:
        """(1, P): how much the gains at each λ count at a quality of `value` tenths, the same on every machine."""
        place = value / STEPS
        left = min(bisect_right(self.places, place), len(self.places) - 1) - 1
        span = self.places[left + 1] - self.places[left]
        share = round(FINEST * (place - self.places[left]) / span) / FINEST
        weights = torch.zeros(1, len(self.places))
        weights[0, left], weights[0, left + 1] = 1 - share, share
        return weights

    def lmbda_of(self, value: int) -> float:
        """λ of a quality of `value` tenths."""
        return self.lmbdas[0] * (self.lmbdas[-1] / self.lmbdas[0]) ** (value / STEPS)

    @contextmanager
    def at(self, value: int) -> Iterator[None]:
        """Inside, the codec works at a quality of `value` tenths."""
        if not 0 <= value <= STEPS:
            raise LicError(f"a quality is 0 to {STEPS} tenths, not {value}.")
        with self._by(self.weights_of(value)):
            yield

    @contextmanager
    def drawn(self, pictures: int, device: torch.device) -> Iterator[Tensor]:
        """Inside, each of a batch of pictures has a λ of its own; gives them, (B,)."""
        place = spread_for_batch(pictures, device)
        places = self.anchors
        left = (torch.searchsorted(places, place, right=True) - 1).clamp(0, len(places) - 2)
        share = (place - places[left]) / (places[left + 1] - places[left])
        weights = torch.zeros(pictures, len(places), device=device)
        weights.scatter_(1, left[:, None], 1 - share[:, None]).scatter_(1, left[:, None] + 1, share[:, None])
        with self._by(weights):
            yield self.lmbdas[0] * (self.lmbdas[-1] / self.lmbdas[0]) ** place

    @contextmanager
    def _by(self, weights: Tensor) -> Iterator[None]:
        before, self._weights = self._weights, weights
        try:
            yield
        finally:
            self._weights = before

    def of_y(self) -> Tensor:
        """m, (B, C, 1, 1)."""
        return self._interpolated(self.log_y)

    def of_y_hat(self) -> Tensor:
        """m', (B, C, 1, 1)."""
        return 1 / self.of_y() if self.log_y_hat is None else self._interpolated(self.log_y_hat)

    def of_z(self) -> Tensor:
        """n, (B, C, 1, 1)."""
        return self._interpolated(self.log_z)

    @exact.parameters
    def of_z_hat(self) -> Tensor:
        """n', (B, C, 1, 1)."""
        return self._interpolated(self.log_z_hat)

    def _interpolated(self, logs: Tensor | None) -> Tensor:
        assert logs is not None
        return (self._weights.to(logs) @ logs).exp()[:, :, None, None]
