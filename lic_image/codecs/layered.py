"""`layered`: the latent of a mean & scale hyperprior, written trit by trit, so that a file may end after any level.

    x ─ g_a ─ y ─ trits of round(y - mean) ─┬ level 1: slopes ≥ t_1 ─┐
        │                                   ├ level 2: slopes ≥ t_2 ─┤ E(y | trits so far) ─ g_s ─ x_hat
        h_a ─ z ─ h_s ─ scales, means       ┴ ...                    ┘

The network is `mean_hyperprior`, and takes its weights (`warm_start=RUN`): with all levels it decodes to the same
pixels. What trits are, and the slope of one, is told in `common.entropy.trit_planes`. Level l holds every trit that
takes at least t_l off the squared error for a bit: what an encoder would write at the λ to which t_l belongs.

J.-H. Lee, S. Jeon, K. P. Choi, Y. Park, C.-S. Kim: "DPICT: Deep progressive image compression using trit-planes", CVPR
2022. There one plane follows the other, and the order by slopes holds within a plane; here it holds among all planes.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from common.entropy import exact
from common.entropy.trit_planes import TritLikelihoods, TritPlanes, TritReader, TritWriter
from common.errors import LicError
from lic_image.codecs.levels import LevelCodec
from lic_image.codecs.mean_hyperprior import MeanHyperprior

# Rounding by 1 leaves an error of 1/12, of which a bit takes 2 ln 2: the slope to which the network's own λ belongs.
FULL = math.log(2) / 6


class Layered(LevelCodec, MeanHyperprior):
    """Args: as `Hyperprior`'s; and

        levels: their number.
        ratio: of the λ that belong to neighbouring levels.

    Raises:
        LicError: `mixture` is not 1: trits are those of one Gaussian. Or `ratio` is not above 1.
    """

    base_streams = 2  # z, and the first trits of y

    def __init__(self, N: int, M: int, *args: Any, levels: int = 10, ratio: float = 2.0, **blocks: Any) -> None:
        super().__init__(N, M, *args, **blocks)
        self.has_levels(levels)
        if self.merge is not None:
            raise LicError("layered codes trits under one Gaussian each: choose mixture=1.")
        if not ratio > 1:
            raise LicError(f"ratio is that of neighbouring levels' λ, above 1, not {ratio}.")
        self.least = [FULL * ratio ** (levels - 2 - level) for level in range(levels - 1)] + [-1.0]
        self.trits = TritPlanes()

    def forward(self, x: Tensor) -> dict[str, Any]:
        """As `mean_hyperprior`'s; in evaluation with the likelihoods of all levels, as they are written."""
        if self.training:
            return super().forward(x)
        told = self.told(x, [-1.0])
        return next(told)

    def told(self, x: Tensor, least: Sequence[float]) -> Iterator[dict[str, Any]]:
        """What `forward` gives of the trits whose slopes are at least that, one after the other."""
        y = self.g_a(x)
        z_hat, of_z = self.entropy_bottleneck(self.hyper_analysis(y))
        trits = TritLikelihoods(self.trits, *self.hyper_synthesis(z_hat), y)
        for each in least:
            trits.refine(each)
            likelihoods = {"y": trits.likelihoods.clone(), "z": of_z}
            yield {"x_hat": self.g_s(trits.y_hat()), "likelihoods": likelihoods}

    def forward_levels(self, x: Tensor) -> list[dict[str, Any]]:
        return list(self.told(x, self.least))

    def compress_levels(self, x: Tensor) -> Iterator[list[bytes]]:
        y = self.g_a(x)
        z = self.hyper_analysis(y)
        base = self.entropy_bottleneck.compress(z)
        z_hat = self.entropy_bottleneck.decompress(base, z.shape[-2:])
        trits = TritWriter(self.trits, *self.hyper_synthesis(z_hat), y)
        for least in self.least:
            yield [*base, trits.level(least)]
            base = []

    def decompress_levels(self, levels: Sequence[Sequence[bytes]], shape: Sequence[int]) -> dict[str, Tensor]:
        self.check_levels(levels)
        z_hat = self.entropy_bottleneck.decompress(levels[0][:1], shape)
        trits = TritReader(self.trits, *self.hyper_synthesis(z_hat))
        for least, streams in zip(self.least, levels):
            trits.level(least, streams[-1])
        return {"x_hat": exact.synthesis(self.g_s, trits.y_hat()).clamp(0, 1)}
