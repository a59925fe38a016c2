"""`mean_hyperprior`: side information tells scale and mean of every latent.

    z_hat ─ h_s ─ (scales, means)       y_hat = round(y - mean) + mean       p(y | z_hat): Gaussian

D. Minnen, J. Ballé, G. Toderici: "Joint autoregressive and hierarchical priors for learned image compression",
NeurIPS 2018, the model without context ("mean & scale hyperprior").
"""

from compressai.models.utils import conv, deconv
from torch import Tensor, nn

from lic_image.codecs.hyperprior import Hyperprior


class MeanHyperprior(Hyperprior):
    """Args: N channels inside the transforms and of z, M channels of y. Weights fit CompressAI's mbt2018-mean."""

    def __init__(self, N: int, M: int) -> None:
        super().__init__(N, M)
        self.h_a = nn.Sequential(
            conv(M, N, stride=1, kernel_size=3),
            nn.LeakyReLU(inplace=True),
            conv(N, N),
            nn.LeakyReLU(inplace=True),
            conv(N, N),
        )
        self.h_s = nn.Sequential(
            deconv(N, M),
            nn.LeakyReLU(inplace=True),
            deconv(M, M * 3 // 2),
            nn.LeakyReLU(inplace=True),
            conv(M * 3 // 2, M * 2, stride=1, kernel_size=3),
        )

    def hyper_analysis(self, y: Tensor) -> Tensor:
        return self.h_a(y)

    def hyper_synthesis(self, z_hat: Tensor) -> tuple[Tensor, Tensor | None]:
        scales, means = self.h_s(z_hat).chunk(2, 1)
        return scales, means
