"""CompressAI's weights load into our codecs, with blocks and without."""

from typing import Any

import pytest
import torch
from compressai import models

from lic_image.codecs.factorized import Factorized
from lic_image.codecs.hyperprior import Hyperprior
from lic_image.codecs.mean_hyperprior import MeanHyperprior
from lic_image.layers.adjacent_attention import AdjacentAttention
from lic_image.layers.channel_attention import ChannelAttention
from lic_image.layers.decoded_refinement import DecodedRefinement
from lic_image.layers.nonlocal_attention import NonLocalAttention
from lic_image.layers.post_filter import PostFilter
from lic_image.layers.simplified_attention import SimplifiedAttention

PAIRS: list[Any] = [
    (models.FactorizedPrior, Factorized),
    (models.ScaleHyperprior, Hyperprior),
    (models.MeanScaleHyperprior, MeanHyperprior),
]
X = torch.rand(1, 3, 64, 128, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_weights_go_both_ways(theirs: Any, ours: Any) -> None:
    torch.manual_seed(0)
    peer, codec = theirs(8, 12).eval(), ours(8, 12).eval()
    peer.update()
    codec.load_state_dict(peer.state_dict())
    expected, given = peer(X), codec(X)
    torch.testing.assert_close(given, expected, rtol=0, atol=5e-6)  # our scales and means lie on a grid
    ours_out, theirs_out = codec.compress(X), peer.compress(X)
    assert list(ours_out["shape"]) == list(theirs_out["shape"])
    pair = codec.decompress(**ours_out)["x_hat"], peer.decompress(**theirs_out)["x_hat"]
    torch.testing.assert_close(*pair, rtol=0, atol=1e-3)  # our means are exact
    trained = ours(8, 12).state_dict()
    theirs(8, 12).load_state_dict({name: value for name, value in trained.items() if "_tables_digest" not in name})


@pytest.mark.parametrize("place", ["first", "last"])
@pytest.mark.parametrize("attention", [AdjacentAttention, ChannelAttention, NonLocalAttention, SimplifiedAttention])
@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_all_but_the_blocks_load(theirs: Any, ours: Any, attention: Any, place: Any) -> None:
    codec = ours(8, 12, attention=attention, decoder_attention=place, refinement=lambda: PostFilter(8))
    result = codec.load_state_dict(theirs(8, 12).state_dict(), strict=False)
    assert not result.unexpected_keys
    blocks = {name.split(".")[1] for name in result.missing_keys}
    assert blocks == {"attention", "refinement"}
    attending = {name.split(".")[0] for name in result.missing_keys if ".attention." in name}
    assert attending == ({"g_a", "g_s"} if ours is Factorized else {"g_a", "h_a", "h_s", "g_s"})


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_with_blocks_it_starts_from_the_codec_without(theirs: Any, ours: Any) -> None:
    peer = theirs(8, 12).eval()
    for refinement in (DecodedRefinement, lambda: PostFilter(8)):
        codec = ours(8, 12, attention=AdjacentAttention, refinement=refinement).eval()
        codec.load_state_dict(peer.state_dict(), strict=False)
        torch.testing.assert_close(codec(X), peer(X), rtol=0, atol=1e-4)
