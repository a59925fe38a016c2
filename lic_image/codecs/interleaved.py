"""`interleaved`: modules around another codec, which codes features of interleaved sub-images in place of the image.

    x ─ FExM ─ ARB ─ F_r ─ backbone's g_a ─ y ─ … ─ y_hat ─ backbone's g_s ─ FEnM ─ F̃ ─ inverse FExM ─ x_hat

"Interleaved block-based learned image compression with feature enhancement and quantization error compensation". The
backbone is Tiny-LIC or STF. Each module is switched by a value: extraction (FExM) is what this class is; refinement
(FRM: stacked features and the ARB) and enhancement (FEnM) are left out with 0 blocks; error compensation (QECM) is
`quantiser=qecm`, and its noise on decoded values, (14) and (15), `noise`. In training F̃ is to become F_r, by the loss
"enhancement", the mean of (F̃ - F_r)² (16); how long is said by `losses` of the training module.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from common.entropy.models import EntropyBottleneck, GaussianConditional
from common.entropy.walks import Visitor
from lic_image.codecs.walked import WalkedCodec
from lic_image.layers.attention_refinement import AttentionRefinement
from lic_image.layers.dense_block import FeatureEnhancement
from lic_image.layers.laplacian import TruncatedLaplacian
from lic_image.layers.sub_images import FeatureExtraction, FeatureInversion


class RefinedFeatures(nn.Module):
    """FExM and FRM: (B, 3, H, W) -> F_r (B, (s² + 1) C, H / s, W / s)."""

    def __init__(self, extraction: FeatureExtraction, refinement: AttentionRefinement | None) -> None:
        super().__init__()
        self.extraction, self.refinement = extraction, refinement

    def forward(self, x: Tensor) -> Tensor:
        stacked = self.extraction(x)
        refined = stacked if self.refinement is None else self.refinement(stacked)
        return refined.transpose(1, 2).flatten(1, 2)


class Interleaved(WalkedCodec):
    """The codec.

    Args:
        backbone: partial of a codec's class; called with `inputs`, channels, and `reduced`, how much smaller than the
            image they are.
        patch: side s of a patch; the image becomes s² sub-images.
        C: channels of a sub-image's features.
        hidden: channels between the two convolutions that make them.
        convolutions: that make features, and in front of the ARB: 2, or 1 as in the paper's "tiny".
        refinement: 3D Res of the ARB; 0: features are not refined.
        levels: of a 3D Res, 1 to 3.
        enhancement: dense blocks behind the decoder; 0: features are not enhanced.
        noise: scale of the noise on decoded values in evaluation, 0 for none.
    """

    own_losses = ("enhancement",)
    g_a: nn.Sequential
    latent_modules = ("g_a.1", "g_s.0")  # the backbone's
    side_modules = ("backbone.h_a", "backbone.h_s")
    g_s: nn.Sequential

    def __init__(
        self,
        backbone: Callable[..., WalkedCodec],
        patch: int = 2,
        C: int = 24,
        hidden: int = 128,
        convolutions: int = 2,
        refinement: int = 3,
        levels: int = 2,
        enhancement: int = 2,
        noise: float = 0.0,
    ) -> None:
        super().__init__()
        features, between = (patch * patch + 1) * C, hidden if convolutions == 2 else 0
        refined = AttentionRefinement(C, max(1, 2 * C // 3), convolutions, refinement, levels) if refinement else None
        enhanced = FeatureEnhancement(features, enhancement) if enhancement else nn.Identity()
        self.backbone = backbone(inputs=features, reduced=patch)
        self.g_a = nn.Sequential(RefinedFeatures(FeatureExtraction(patch, C, between), refined), self.backbone.g_a)
        self.g_s = nn.Sequential(self.backbone.g_s, enhanced, FeatureInversion(patch, C, between))
        del self.backbone.g_a, self.backbone.g_s  # they are parts of these, and of no other
        self.downsampling: int = patch * self.backbone.downsampling
        self.hyper_step = self.backbone.hyper_step
        self.noise = TruncatedLaplacian(noise) if noise else None

    @property
    def entropy_bottleneck(self) -> EntropyBottleneck:  # type: ignore[override]
        return self.backbone.entropy_bottleneck

    @property
    def gaussian_conditional(self) -> GaussianConditional:
        return self.backbone.gaussian_conditional

    def hyper_analysis(self, y: Tensor) -> Tensor:
        return self.backbone.hyper_analysis(y)

    def walk(self, z_hat: Tensor, visit: Visitor) -> Tensor:
        """That of the backbone, between decoded values with noise."""
        if self.noise is None or self.training:
            return self.backbone.walk(z_hat, visit)
        return self.noise.added_to(self.backbone.walk(self.noise.added_to(z_hat), visit))

    def forward(self, x: Tensor) -> dict[str, Any]:
        if not self.training:
            return super().forward(x)
        refined = self.g_a[0](x)
        y_hat, likelihoods = self.measured(self.g_a[1](refined))
        decoded = self.g_s[:2](y_hat)
        enhanced = not isinstance(self.g_s[1], nn.Identity)
        losses = {"enhancement": nn.functional.mse_loss(decoded, refined)} if enhanced else {}
        return {"x_hat": self.g_s[2](decoded), "likelihoods": likelihoods, "losses": losses}
