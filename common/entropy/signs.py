"""Latents that are signs: the centres -a and +a for every channel, at most a bit each (G. Toderici et al., ICLR 2016).

A channel may also tell the sign of what another one left, so that a few channels tell a coefficient in many levels.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from common.entropy.assignments import Assignment, StochasticSign
from common.entropy.codebook import Codebook
from common.errors import LicError

PLACES = 8  # of signs that follow each other, at most


class Signs(Codebook):
    """Every latent is -a or +a, a learned for each channel.

    A channel j may follow another: then its sign is that of y_j + u - û, where u is what the channel that it follows
    was to tell and û = ±a what it did. So channels that follow each other tell u by successive approximation, each
    what is left. They follow each other as `follow_strongest` has it; before that, none follows.

    Args:
        M: channels of y.
    """

    followed: Tensor
    place: Tensor

    def __init__(self, M: int) -> None:
        super().__init__(M, points=2, size=1)
        self.register_buffer("followed", torch.arange(M))  # by channel j: itself where it follows none
        self.register_buffer("place", torch.zeros(M, dtype=torch.int64))  # of channel j among those, 0 first

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
        """In weights from before signs could follow each other, none does."""
        state_dict.setdefault(f"{prefix}followed", torch.arange(self.M))
        state_dict.setdefault(f"{prefix}place", torch.zeros(self.M, dtype=torch.int64))
        super()._load_from_state_dict(state_dict, prefix, *others)

    def add_centres(self, centres: Tensor) -> None:
        self.magnitude = nn.Parameter(torch.ones(len(centres)))

    @property
    def centres(self) -> Tensor:
        return (self.magnitude[:, None] * self.magnitude.new_tensor([-1.0, 1.0]))[..., None]

    @staticmethod
    def own_assignment() -> Assignment:
        return StochasticSign()

    @torch.no_grad()
    def start_from(self, y: Tensor, told: bool = False) -> None:
        """Magnitudes start at the mean |y|, which is nearest to y among all values with its sign."""
        self.magnitude.copy_(y.abs().mean((0, 2, 3)).clamp_min(1e-3))
        self._measure(self.vectors(y))

    @torch.no_grad()
    def follow_strongest(self, y: Tensor) -> Tensor:
        """Start with the M signs where they tell most of y (B, K, h, w), the coefficients of an orthonormal transform.

        One after the other, a sign goes to the coefficient of which it takes the most squared error: the squared mean
        of what is left of it.

        Returns:
            Which channel of y each channel tells a part of, (M,): where `place` is 0 it must get that channel, and
            elsewhere zeros.

        Raises:
            ValueError: a coefficient would have to get more than `PLACES` signs.
        """
        if y.shape[1] * PLACES < self.M:
            raise ValueError(f"{self.M} signs are more than {PLACES} for each of {y.shape[1]} coefficients")
        left = y.transpose(0, 1).flatten(1).clone()
        given: list[list[tuple[float, float]]] = [[] for _ in left]  # by coefficient: the gain, magnitude of its signs
        gains = left.abs().mean(1).square()
        for _ in range(self.M):
            k = int(gains.argmax())
            magnitude = left[k].abs().mean()
            given[k].append((gains[k].item(), max(magnitude.item(), 1e-3)))
            left[k] -= torch.where(left[k] >= 0, magnitude, -magnitude)
            gains[k] = left[k].abs().mean().square() if len(given[k]) < PLACES else -1.0
        signs = [(place, -gain, k, a) for k, of in enumerate(given) for place, (gain, a) in enumerate(of)]
        signs.sort()  # first all that follow none, by what they tell
        channel = {(k, place): j for j, (place, _, k, _) in enumerate(signs)}
        followed = [channel[k, max(place - 1, 0)] for place, _, k, _ in signs]
        self.followed.copy_(torch.tensor(followed))
        self.place.copy_(torch.tensor([place for place, *_ in signs]))
        self.magnitude.copy_(torch.tensor([a for *_, a in signs]))
        return torch.tensor([k for _, _, k, _ in signs], device=y.device)

    def assigned(self, y: Tensor) -> Tensor:
        def seen(weights: Tensor) -> Tensor:
            return ((weights[..., 1] - weights[..., 0]) * self.magnitude[:, None, None]).contiguous()

        return self._one_after_the_other(y, super().assigned, seen)

    def numbers(self, y: Tensor) -> Tensor:
        """1 where what a channel tells has the sign of the second centre; 0 counts as positive."""
        if not y.isfinite().all():
            raise LicError("The latent holds NaN or infinite values and cannot be coded: the training diverged.")
        positive = self.magnitude[:, None, None].sign()
        return self._one_after_the_other(y, lambda u: (u * positive >= 0).long(), self.values)

    def _one_after_the_other(
        self, y: Tensor, choose: Callable[[Tensor], Tensor], seen: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """What `choose` says of all channels; those that follow others are told what these left, by what is `seen`."""
        found = choose(y)
        u, followed = y, self.followed
        for place in range(1, PLACES):
            now = self.place == place
            u = torch.where(now[:, None, None], y + (u - seen(found))[:, followed], u)
            found = torch.where(now.reshape(-1, *[1] * (found.dim() - 2)), choose(u), found)
        return found
