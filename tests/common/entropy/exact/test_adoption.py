"""Other people's codecs: what is made exact, and that all else of them stays."""

import copy
import pickle

import pytest
import torch
from compressai.entropy_models import EntropyBottleneck
from compressai.layers import MaskedConv2d
from compressai.models import Cheng2020Anchor, CompressionModel, MeanScaleHyperprior
from torch import nn

from common.entropy import exact
from common.entropy.exact.adoption import parameter_networks


def z() -> torch.Tensor:
    return torch.randn(1, 8, 4, 4, generator=torch.Generator().manual_seed(0)).round()


def test_what_lies_between_symbols_and_parameters_is_found() -> None:
    assert set(parameter_networks(MeanScaleHyperprior(8, 8))) == {"h_s"}
    assert set(parameter_networks(Cheng2020Anchor(8))) == {"h_s", "context_prediction", "entropy_parameters"}


def test_networks_in_parts_of_a_codec_are_found_and_an_attribute_says_otherwise() -> None:
    class Latents(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.h_a, self.h_s, self.hidden = nn.Linear(2, 2), nn.Linear(2, 2), nn.Identity()
            self.entropy_bottleneck = EntropyBottleneck(2)

    class Own(CompressionModel):
        def __init__(self) -> None:
            super().__init__()
            self.g_a, self.g_s, self.latents, self.prior = nn.Linear(2, 2), nn.Linear(2, 2), Latents(), nn.Linear(2, 2)

    codec = Own()
    assert set(parameter_networks(codec)) == {"latents.h_s", "prior"}
    codec.parameter_networks = ("latents.h_s",)
    assert set(parameter_networks(codec)) == {"latents.h_s"}


@torch.no_grad()
def test_adopted_networks_are_exact_in_evaluation_only() -> None:
    codec = MeanScaleHyperprior(8, 8)
    before, floats = list(codec.state_dict()), codec.h_s(z())
    assert exact.adopt_networks(codec) is codec and exact.adopt_networks(codec) is codec  # again changes nothing
    assert list(codec.state_dict()) == before and isinstance(codec.h_s, nn.Sequential)
    assert torch.equal(codec.train().h_s(z()), floats)
    found = codec.eval().h_s(z())
    assert not torch.equal(found, floats)
    torch.testing.assert_close(found, floats, rtol=0, atol=1e-3)
    with exact.shuffled_sums():
        assert torch.equal(codec.h_s(z()), found)
    assert torch.equal(torch.compile(codec.h_s, backend="aot_eager")(z()), found)
    assert "ExactForward" not in repr(codec.h_s)


@torch.no_grad()
def test_copies_and_pickles_are_exact_and_their_own() -> None:
    codec = exact.adopt_networks(MeanScaleHyperprior(8, 8)).eval()
    expected = codec.h_s(z())
    for other in (copy.deepcopy(codec), pickle.loads(pickle.dumps(codec)), copy.copy(codec)):
        assert torch.equal(other.h_s(z()), expected)
        with exact.shuffled_sums():
            assert torch.equal(other.h_s(z()), expected)
    other = copy.deepcopy(codec)
    other.h_s[0].weight.mul_(2)
    assert torch.equal(codec.h_s(z()), expected) and not torch.equal(other.h_s(z()), expected)
    other.load_state_dict(codec.state_dict())
    assert torch.equal(other.h_s(z()), expected)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_torchscript_cannot_be_seen_into_and_is_refused() -> None:
    codec = MeanScaleHyperprior(8, 8).eval()
    codec.h_s[0] = torch.jit.trace(codec.h_s[0], z())
    exact.adopt_networks(codec)
    with pytest.raises(exact.NotExactError, match="TorchScript"):
        codec.h_s(z())


def test_a_layer_that_masks_its_own_weights_keeps_their_type() -> None:
    layer = MaskedConv2d(2, 2, 5, padding=2).eval()
    exact.adopt_networks(layer, [""])
    with torch.inference_mode():
        layer(torch.ones(1, 2, 3, 3))
    assert layer.weight.dtype == torch.float32 and not (layer.weight * (1 - layer.mask)).any()
