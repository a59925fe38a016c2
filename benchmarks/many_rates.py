"""Very narrow codecs of several rates or of predicted blocks: `benchmarks.hostile` mutates their files, too."""

from typing import Any

import torch
from torch import nn

from lic_image.codecs.classical import Classical
from lic_image.codecs.enveloped import Enveloped
from lic_image.codecs.intra import Intra
from lic_image.codecs.layered import Layered
from lic_image.codecs.near_lossless import NearLossless
from lic_image.codecs.progressive import Progressive
from lic_image.envelope.post import Restore
from lic_image.layers.intra_networks import FullyConnected
from lic_image.layers.recurrent_cells import ConvGRU
from lic_image.rate import with_gains
from tests.old_files import codec_with_weights


def layered() -> nn.Module:
    codec: Any = Layered(4, 6, levels=3)
    codec.load_state_dict(codec_with_weights("mean_hyperprior").state_dict())
    return codec


def progressive() -> nn.Module:
    return Progressive(ConvGRU, ConvGRU, (4, 4, 4, 4), (4, 4, 4, 4), bits=4, levels=3, context=4)


MANY_RATES = {
    "gains": lambda: with_gains(codec_with_weights("mean_hyperprior"), "0.0035,0.0483", 0.013, "vector"),
    "layered": layered,
    "intra": lambda: Intra(M=12, N=4, Z=2, network=lambda: FullyConnected(8, 1)),
    "near_lossless": lambda: NearLossless(codec_with_weights("mean_hyperprior"), K=2, hidden=4),
    "progressive": progressive,
    "enveloped": lambda: Enveloped(Classical("jpeg", 40), post=Restore(4, 1)),
}


def codec_of_many_rates(system: str) -> nn.Module:
    torch.manual_seed(0)
    return MANY_RATES[system]().eval()
