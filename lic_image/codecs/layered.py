"""`layered`: the latent of a mean & scale hyperprior, written trit by trit, so that a file may end after any level.

    x ─ g_a ─ y ─ trits of round(y - mean) ─┬ level 1: worth t_1 or more ─┐
        │                                   ├ level 2: worth t_2 or more ─┤ E(y | trits so far) ─ g_s ─ x_hat
        h_a ─ z ─ h_s ─ scales, means       ┴ ...                         ┘

The network is `mean_hyperprior`, and takes its weights (`warm_start=RUN`): with all levels it decodes to the same
pixels. Trits are explained in `common.entropy.trit_planes`. What one is worth is its slope times the gain of its
channel, by which g_s makes an error of y one of x. Level l holds every trit that is worth t_l, so that a prefix is what
an encoder would write for a smaller λ.

J.-H. Lee, S. Jeon, K. P. Choi, Y. Park, C.-S. Kim: "DPICT: Deep progressive image compression using trit-planes", CVPR
2022; Y. Lu, Y. Zhu, Y. Yang, A. Said, T. S. Cohen: "Progressive neural image compression with nested quantization and
latent ordering", ICIP 2021. Both go plane by plane: DPICT within a plane by slopes, Lu et al. by deviations. Here
planes have no part in the order, and channels have gains (docs/pages/class_progressive.md has what was measured).

What g_s is to make of the first levels, it learns by the codec's own loss `levels`: the logarithm of each picture's
squared error at one of them, drawn anew in each step. Its gradient reaches g_s, and through the means h_s.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from common.distributed.shared import of_first_rank
from common.entropy import exact
from common.entropy.codebook import Codebook
from common.entropy.trit_planes import TritLikelihoods, TritPlanes, TritReader, TritTeller, TritWriter
from common.errors import LicError
from lic_image.codecs.levels import LevelCodec
from lic_image.codecs.mean_hyperprior import MeanHyperprior

# Rounding by 1 leaves an error of 1/12, of which a bit takes 2 ln 2: the slope to which the network's own λ belongs.
FULL = math.log(2) / 6
ROUNDED = 1 / 12  # squared error of a picture rounded to 8 bits: a flat crop has no smaller logarithm, and no pull
REMEMBERED = 100  # steps over which gains are averaged


class Layered(LevelCodec, MeanHyperprior):
    """Args: as `MeanHyperprior`'s; and

        levels: their number.
        ratio: of the λ that belong to neighbouring levels.

    Raises:
        LicError: `mixture` is not 1, as trits are those of one Gaussian; there is a codebook; or `ratio` is not
            above 1.
    """

    base_streams = 2  # z, and the first trits of y
    own_losses = ("levels",)
    gains: Tensor
    gains_of: Tensor

    def __init__(self, N: int, M: int, *args: Any, levels: int = 10, ratio: float = 2.0, **blocks: Any) -> None:
        super().__init__(N, M, *args, **blocks)
        self.has_levels(levels)
        if self.merge is not None:
            raise LicError("layered codes trits under one Gaussian each: choose mixture=1.")
        if isinstance(self.gaussian_conditional, Codebook):
            raise LicError("layered codes trits of whole numbers: leave quantiser= and model.codec.latent out.")
        if not ratio > 1:
            raise LicError(f"ratio is that of neighbouring levels' λ, above 1, not {ratio}.")
        self.worth = [FULL * ratio ** (levels - 2 - level) for level in range(levels - 1)] + [0.0]
        self.trits = TritPlanes()
        self.register_buffer("gains", torch.ones(M, 1, 1))
        self.register_buffer("gains_of", torch.zeros((), dtype=torch.int64))  # how many steps

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Weights of `mean_hyperprior` have no gains: all alike, until a training finds them."""
        for name in ("gains", "gains_of"):
            state_dict.setdefault(prefix + name, getattr(self, name))
        super()._load_from_state_dict(state_dict, prefix, *args)

    def forward(self, x: Tensor) -> dict[str, Any]:
        """As `mean_hyperprior`'s; in evaluation with the likelihoods of all levels, as they are written."""
        if not self.training:
            return next(self.told(x, [0.0]))
        y = self.g_a(x)
        z_hat, of_z = self.entropy_bottleneck(self.hyper_analysis(y))
        scales, means = self.hyper_synthesis(z_hat)
        y_hat, of_y = self.gaussian_conditional(y, scales, means)
        self.note_gains(y_hat)
        losses = {"levels": self.level_loss(x, y, scales, means)}
        return {"x_hat": self.g_s(y_hat), "likelihoods": {"y": of_y, "z": of_z}, "losses": losses}

    def level_loss(self, x: Tensor, y: Tensor, scales: Tensor, means: Tensor) -> Tensor:
        """Mean over pictures of the logarithm of the squared error, in levels of 255, at one of the first levels."""
        with torch.no_grad():
            trits = TritTeller(self.trits, scales, means, y, self.gains)
            trits.refine(self.worth[int(torch.randint(max(self.levels - 1, 1), ()))])
        errors = F.mse_loss(self.g_s(trits.y_hat()).float(), x, reduction="none").mean((1, 2, 3))
        # Each picture's own: of a batch's error, it would depend on how ranks split it.
        return (255**2 * errors).clamp_min(ROUNDED).log().mean()

    def note_gains(self, y_hat: Tensor) -> None:
        """Average the squares of g_s's derivatives by each channel, 1 on average, at the whole batch's first y_hat."""
        with torch.enable_grad():
            at = y_hat[:1].detach().requires_grad_()
            x_hat = self.g_s(at)
            (found,) = torch.autograd.grad(x_hat, at, torch.randn_like(x_hat))
        found = of_first_rank(found.float().square().mean((0, 2, 3)).reshape(self.gains.shape))
        self.gains_of += 1
        part = 1 / self.gains_of.clamp_max(REMEMBERED)
        self.gains += part * (found / found.mean() - self.gains)

    def told(self, x: Tensor, least: Sequence[float]) -> Iterator[dict[str, Any]]:
        """What `forward` gives of the trits that are worth that much, one after the other."""
        y = self.g_a(x)
        z_hat, of_z = self.entropy_bottleneck(self.hyper_analysis(y))
        scales, means = self.hyper_synthesis(z_hat)
        trits = TritLikelihoods(self.trits, scales, means, y, self.gains)
        for each in least:
            trits.refine(each)
            yield {"x_hat": self.g_s(trits.y_hat()), "likelihoods": {"y": trits.likelihoods.clone(), "z": of_z}}

    def forward_levels(self, x: Tensor) -> list[dict[str, Any]]:
        return list(self.told(x, self.worth))

    def compress_levels(self, x: Tensor) -> Iterator[list[bytes]]:
        y = self.g_a(x)
        z = self.hyper_analysis(y)
        base = self.entropy_bottleneck.compress(z)
        z_hat = self.entropy_bottleneck.decompress(base, z.shape[-2:])
        scales, means = self.hyper_synthesis(z_hat)
        trits = TritWriter(self.trits, scales, means, y, self.gains)
        for least in self.worth:
            yield [*base, trits.level(least)]
            base = []

    def decompress_levels(self, levels: Sequence[Sequence[bytes]], shape: Sequence[int]) -> dict[str, Tensor]:
        self.check_levels(levels)
        z_hat = self.entropy_bottleneck.decompress(levels[0][:1], shape)
        scales, means = self.hyper_synthesis(z_hat)
        trits = TritReader(self.trits, scales, means, self.gains)
        for least, streams in zip(self.worth, levels):
            trits.level(least, streams[-1])
        return {"x_hat": exact.synthesis(self.g_s, trits.y_hat()).clamp(0, 1)}
