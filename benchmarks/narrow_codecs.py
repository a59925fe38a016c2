"""Very narrow codecs of every kind that has no files of earlier commits: `benchmarks.hostile` mutates theirs, too."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from common.baselines.codecs import available
from common.entropy.codebook import Codebook
from common.entropy.signs import Signs
from lic_image.codecs.classical import Classical
from lic_image.codecs.enveloped import Enveloped
from lic_image.codecs.factorized import Factorized
from lic_image.codecs.intra import Intra
from lic_image.codecs.layered import Layered
from lic_image.codecs.mean_hyperprior import MeanHyperprior
from lic_image.codecs.near_lossless import NearLossless
from lic_image.codecs.progressive import Progressive
from lic_image.envelope.holes import Holes, Inpaint
from lic_image.envelope.luma import Colourise, Luma
from lic_image.envelope.post import Restore
from lic_image.importance import with_importance
from lic_image.layers.intra_networks import FullyConnected
from lic_image.layers.recurrent_cells import ConvGRU
from lic_image.rate import with_gains
from tests.old_files import codec_with_weights


def mean_hyperprior() -> Any:
    return codec_with_weights("mean_hyperprior")


def layered() -> nn.Module:
    codec: Any = Layered(4, 6, levels=3)
    codec.load_state_dict(mean_hyperprior().state_dict())
    return codec


def progressive() -> nn.Module:
    return Progressive(ConvGRU, ConvGRU, (4, 4, 4, 4), (4, 4, 4, 4), bits=4, levels=3, context=4)


def importance() -> nn.Module:
    codec: Any = with_importance(mean_hyperprior(), groups=3, width=4)
    nn.init.zeros_(codec.importance.layers[-1].bias)  # as many channels as not
    return codec


def with_codebook(codec: nn.Module, system: str) -> nn.Module:
    """`codec` with the transforms of `system`: symbols of untrained ones would be all alike."""
    codec.load_state_dict(
        {name: each for name, each in codec_with_weights(system).state_dict().items() if name[1:3] in ("_a", "_s")},
        strict=False,
    )
    return codec


NARROW: dict[str, Callable[[], nn.Module]] = {
    "gains": lambda: with_gains(mean_hyperprior(), "0.0035,0.0483", 0.013, "vector"),
    "step": lambda: with_gains(mean_hyperprior(), "0.0035,0.0483", 0.013, "step"),
    "importance": importance,
    "binary": lambda: with_codebook(Factorized(4, 6, latent=Signs), "factorized"),
    "soft_to_hard": lambda: with_codebook(
        MeanHyperprior(4, 6, latent=partial(Codebook, points=4, size=2)), "mean_hyperprior"
    ),
    "layered": layered,
    "intra": lambda: Intra(M=12, N=4, Z=2, network=lambda: FullyConnected(8, 1)),
    "near_lossless": lambda: NearLossless(mean_hyperprior(), K=2, hidden=4),
    "near_lossless_swift": lambda: NearLossless(codec_with_weights("swift"), K=2, hidden=4),
    "progressive": progressive,
    "enveloped": lambda: Enveloped(Classical("jpeg", 40), post=Restore(4, 1)),
    "luma": lambda: Enveloped(mean_hyperprior(), Luma(), Colourise(N=4, blocks=1)),
    "holes": lambda: Enveloped(Classical("jpeg", 40), Holes(), Inpaint(4, 1)),
    **{
        name: lambda name=name: Enveloped(Classical(name, 40), post=Restore(4, 1))  # type: ignore[misc]
        for name in ("webp", "avif", "jpegxl")
        if name in available().codecs
    },
}


def narrow_codec(system: str) -> nn.Module:
    torch.manual_seed(0)
    return NARROW[system]().eval()
