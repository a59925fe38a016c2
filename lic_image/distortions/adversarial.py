"""What a discriminator tells: `distortion=adversarial`, for reconstructions that look like photographs.

    loss = bpp + λ·(255²·MSE + w·G),   G = softplus(-D(x_hat, y_hat)) of the codec,
           + softplus(D(x_hat, y_hat)) + softplus(-D(x, y_hat)) of the discriminator

F. Mentzer, G. Toderici, M. Tschannen, E. Agustsson: "High-fidelity generative image compression" (HiFiC), NeurIPS 2020,
equations 4 and 5: the non-saturating loss and a PatchGAN that sees the latent. One optimiser does it: the discriminator
is a group of parameters of its own, its loss is added, and both sides are detached from each other, so that each gets
the gradient of its own loss alone. Train it from a codec for the squared error (`experiment=image/generative`).
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, softplus
from torch.nn.utils.parametrizations import spectral_norm

from common.checks import check_number, check_whole
from common.errors import LicError
from lic_image.distortions.contract import Distortion, per_picture
from lic_image.latents import LatentSeen, channels_of, latent_modules


class PatchDiscriminator(nn.Module):
    """Whether patches of a picture are of a photograph: logits (B, 1, H/8, W/8).

    Args:
        M: channels of the latent.
        width: channels of the first layer, 64 in the paper.
        told: channels in which the latent is seen.
    """

    def __init__(self, M: int, width: int = 64, told: int = 12) -> None:
        super().__init__()
        self.latent = nn.Sequential(spectral_norm(nn.Conv2d(M, told, 3, padding=1)), nn.LeakyReLU(0.2))
        layers: list[nn.Module] = []
        channels, strides = (3 + told, width, 2 * width, 4 * width, 8 * width), (2, 2, 2, 1)
        for before, after, stride in zip(channels, channels[1:], strides):
            padding = 1 if stride == 2 else "same"
            layers += [spectral_norm(nn.Conv2d(before, after, 4, stride, padding)), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, spectral_norm(nn.Conv2d(channels[-1], 1, 1)))

    def forward(self, x: Tensor, y_hat: Tensor) -> Tensor:
        """x (B, 3, H, W) in [0, 1], y_hat (B, M, h, w)."""
        seen = interpolate(self.latent(y_hat), x.shape[-2:], mode="nearest")
        return self.layers(torch.cat([2 * x - 1, seen], 1))


class Adversarial(Distortion):
    """The squared error, and what the discriminator says.

    Args:
        weight: w of the adversarial term, in units of 255²·MSE.
        width: of the discriminator.
        lr, betas: of its group of parameters, the latter for Adam.
    """

    unit = "(255²·MSE + adversarial)"

    def __init__(
        self, weight: float = 10.0, width: int = 64, lr: float = 1e-4, betas: tuple[float, float] = (0.5, 0.9)
    ) -> None:
        super().__init__()
        check_number("loss.weight", weight)
        check_number("loss.lr", lr, above=True)
        check_whole("loss.width", width)
        self.weight, self.width, self.lr, self.betas = weight, width, lr, tuple(betas)
        self._seen = LatentSeen()

    def prepare(self, codec: Any) -> None:
        points = latent_modules(codec)
        if points is None:
            raise LicError(f"distortion=adversarial is not for {type(codec).__name__}: its latent cannot be seen.")
        (M,) = channels_of(codec, points[:1])
        self.discriminator = PatchDiscriminator(M, self.width)
        points[1].register_forward_pre_hook(self._seen)

    def groups(self) -> list[dict[str, Any]]:
        parameters = list(self.discriminator.parameters())
        return [{"params": parameters, "lr": self.lr, "betas": self.betas, "weight_decay": 0.0}]

    def forward(self, x_hat: Tensor, x: Tensor, context: Mapping[str, Any]) -> Tensor:
        lost = 255**2 * per_picture((x_hat - x).square())
        if not self.training or not hasattr(self, "discriminator"):  # of whole photographs only the squared error
            return lost
        self.discriminator.requires_grad_(False)
        judged = self.discriminator(x_hat, self._latent())
        self.discriminator.requires_grad_(True)
        return lost + self.weight * per_picture(softplus(-judged))

    def auxiliary(self, x_hat: Tensor, x: Tensor) -> dict[str, Tensor]:
        y_hat = self._latent()
        fake, real = self.discriminator(x_hat.detach(), y_hat), self.discriminator(x, y_hat)
        return {"discriminator": softplus(fake).mean() + softplus(-real).mean()}

    def _latent(self) -> Tensor:
        assert self._seen.y_hat is not None
        return self._seen.y_hat.detach()
