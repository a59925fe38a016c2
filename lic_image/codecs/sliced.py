"""The probability model of transform codecs for CPUs: a hyperprior, and a context of slices and a checkerboard.

    y (B, M, h, w), low frequencies first ── log|y| ─ h_a ─ z ─ round ─ z_hat ─ h_s ─ side
    slice by slice, in each its even positions and then its odd ones:
        p(part | side, earlier slices, the slice's even positions)

A mean-scale hyperprior whose parameters also see the latents that are decoded already, see
`lic_image.layers.slice_context`. All of them are functions of decoded symbols, in exact arithmetic.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from common.entropy import exact
from common.entropy.models import EntropyBottleneck, GaussianConditional
from common.entropy.walks import Visitor, phases
from common.layers.pyramid_start import optimal_step
from lic_image.codecs.walked import WalkedCodec
from lic_image.layers.slice_context import SliceContext, with_magnitude


class SlicedCodec(WalkedCodec):
    """To be given `log_gain` (M, 1, 1), by which normalised coefficients were multiplied, `log_inverse_gain` and the
    coefficients' `deviation` likewise, and the model below."""

    log_gain: nn.Parameter
    log_inverse_gain: nn.Parameter
    deviation: Tensor

    def add_probability_model(self, M: int, N: int, Z: int, slices: tuple[int, ...]) -> None:
        """To be called by the constructor, where the parts shall stand among its own.

        Args:
            M, N, Z: channels of y, of the hyperprior's layers, of z.
            slices: last channel of every slice of y but the last, rising.
        """
        self.h_a = nn.Sequential(
            nn.Conv2d(M, N, 1),
            nn.GELU(),
            nn.Conv2d(N, N, 5, stride=2, padding=2, groups=N),
            nn.Conv2d(N, N, 1),
            nn.GELU(),
            nn.Conv2d(N, N, 5, stride=2, padding=2, groups=N),
            nn.Conv2d(N, Z, 1),
        )
        self.h_s = nn.Sequential(
            nn.Conv2d(Z, 4 * N, 1),
            nn.PixelShuffle(2),
            nn.Conv2d(N, N, 5, padding=2, groups=N),
            nn.Conv2d(N, N, 1),
            nn.GELU(),
            nn.Conv2d(N, 4 * N, 1),
            nn.PixelShuffle(2),
            nn.Conv2d(N, N, 5, padding=2, groups=N),
            nn.Conv2d(N, 2 * N, 1),
            nn.GELU(),
        )
        edges = [0, *(edge for edge in slices if edge < M), M]
        self.slices = [slice(a, b) for a, b in pairwise(edges)]
        self.contexts = nn.ModuleList(SliceContext(s.stop - s.start, s.start, 2 * N, 2 * N) for s in self.slices)
        self.entropy_bottleneck = EntropyBottleneck(Z)
        self.gaussian_conditional = GaussianConditional(None)

    @torch.no_grad()
    def start_gains(self, deviation: Tensor, lmbda: float) -> None:
        """Start from the deviations of coefficients (M,), and from the best step for `lmbda`, of the squared error."""
        self.deviation.copy_(deviation.clamp_min(1e-4)[:, None, None])
        self.log_gain.copy_((self.deviation / optimal_step(lmbda * 255**2)).log())
        self.log_inverse_gain.copy_(-self.log_gain)

    @torch.no_grad()
    def move(self, ratio: float) -> None:
        """Go from the operating point λ to `ratio`·λ: the best step is as 1/sqrt(λ), and all else is relative to it."""
        self.log_gain.add_(0.5 * math.log(ratio))
        self.log_inverse_gain.sub_(0.5 * math.log(ratio))

    def hyper_analysis(self, y: Tensor) -> Tensor:
        return self.h_a(torch.log(y.abs() + 0.3))

    def walk(self, z_hat: Tensor, visit: Visitor) -> Tensor:
        side, gain = self.hyper_synthesis(z_hat), self.gain()
        even, odd = phases(*visit.size, 2, z_hat.device)
        done: list[Tensor] = []
        seen: list[Tensor] = []
        for part, context in zip(self.slices, self.contexts):
            assert isinstance(context, SliceContext)
            g = gain[part]
            h = context.base(side, torch.cat(seen, 1) if seen else None)
            first = visit(*self.scaled(part, *context.head(h, even)), channels=part, positions=even) * even
            h = context.joined(h, first / g, first)
            second = visit(*self.scaled(part, *context.head(h, odd)), channels=part, positions=odd) * odd
            done.append(first + second)
            seen.append(self.seen(done[-1] / g, done[-1]))
        return torch.cat(done, 1)

    @exact.parameters
    def hyper_synthesis(self, z_hat: Tensor) -> Tensor:
        """z_hat (B, Z, h/4, w/4) -> features (B, 2 N, h, w)."""
        return self.h_s(z_hat)

    @exact.parameters
    def gain(self) -> Tensor:
        """Of y's channels, (M, 1, 1); no gradient, as it is one of the context's inputs."""
        return self.log_gain.detach().exp()

    @exact.parameters
    def seen(self, u_hat: Tensor, y_hat: Tensor) -> Tensor:
        """What later slices see of an earlier one, (B, 2 C, h, w)."""
        return with_magnitude(u_hat, y_hat)

    @exact.parameters
    def scaled(self, part: slice, mean: Tensor, log_scale: Tensor) -> tuple[Tensor, Tensor]:
        """Parameters of normalised latents -> scale and mean of y's channels `part`."""
        gain = self.log_gain[part].exp()
        return log_scale.exp() * gain, mean * gain
