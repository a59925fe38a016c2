"""`mean_hyperprior`: side information tells scale and mean of every latent.

    z_hat ─ h_s ─ (scales, means)       y_hat = round(y - mean) + mean       p(y | z_hat): Gaussian

D. Minnen, J. Ballé, G. Toderici: "Joint autoregressive and hierarchical priors for learned image compression",
NeurIPS 2018, the model without context ("mean & scale hyperprior").
"""

from compressai.models.utils import conv, deconv
from torch import Tensor, nn

from lic_image.codecs.hyperprior import Hyperprior


class MeanHyperprior(Hyperprior):
    """Args: as `Hyperprior`'s. Weights fit CompressAI's mbt2018-mean."""

    parameters_per_latent = 2

    def hyper_encoder(self, N: int, M: int) -> nn.Sequential:
        return nn.Sequential(
            conv(M, N, stride=1, kernel_size=3),
            nn.LeakyReLU(inplace=True),
            conv(N, N),
            nn.LeakyReLU(inplace=True),
            conv(N, N),
        )

    def hyper_decoder(self, N: int, M: int) -> nn.Sequential:
        return nn.Sequential(
            deconv(N, M),
            nn.LeakyReLU(inplace=True),
            deconv(M, M * 3 // 2),
            nn.LeakyReLU(inplace=True),
            conv(M * 3 // 2, M * 2, stride=1, kernel_size=3),
        )

    def hyper_analysis(self, y: Tensor) -> Tensor:
        return self.h_a(y)
