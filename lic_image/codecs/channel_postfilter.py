"""`channel_postfilter`: the scale hyperprior with channel attention at the end of every transform, and a post-filter.

    x ─ g_a ─ AB ─ y ─┬──── round ──── y_hat ─ g_s (AB before its last layer) ─ post-filter ─ x_hat
                      └ |·| ─ h_a ─ AB ─ z ─ round ─ z_hat ─ h_s ─ AB ─ scales

A. A. Wirabudi, N. R. Fachrurrozi, P. Dorand, M. Royhan: "Enhancement of images compression using channel attention and
post-filtering based on deep autoencoder", 2024, figure 1, on the codec of Ballé et al. 2018. The paper's loss is
printed without a rate; ours has one. Equation 2 gives y a mean φ beside the scale ϑ; the text and figure 1 have h_s
tell the scale alone, and so does ours: the mean is 0. The paper counts 2.2 million parameters; its N and M make 12.2
million.
"""

from collections.abc import Callable

from common.entropy.codebook import Codebook
from common.layers.classical_start import Start
from lic_image.codecs.hyperprior import Hyperprior
from lic_image.layers.blocks import Attention, Place, Refinement
from lic_image.layers.channel_attention import ChannelAttention
from lic_image.layers.post_filter import PostFilter


class ChannelPostfilter(Hyperprior):
    """The paper's codec; each block may be another or None. Args: as `Hyperprior`'s."""

    def __init__(
        self,
        N: int = 192,
        M: int = 320,
        attention: Attention | None = ChannelAttention,
        decoder_attention: Place = "last",
        mixture: int = 1,
        refinement: Refinement | None = PostFilter,
        start: Start = "random",
        latent: Callable[[int], Codebook] | None = None,
    ) -> None:
        super().__init__(N, M, attention, decoder_attention, mixture, refinement, start, latent)
