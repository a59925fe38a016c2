"""Watching blocks at work."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lic_image.codecs.adjacent import Adjacent
from lic_image.codecs.channel_postfilter import ChannelPostfilter
from lic_image.codecs.hyperprior import Hyperprior
from lic_image.codecs.interleaved import Interleaved
from lic_image.codecs.tinylic import TinyLIC
from lic_image.figures import attention_picture
from lic_image.layers.simplified_attention import SimplifiedAttention
from lic_image.watch import watching


def hooks(codec: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in codec.modules())


@torch.no_grad()
def test_every_block_is_seen_at_its_place() -> None:
    codec = Adjacent(8, 16).eval()
    x = torch.rand(2, 3, 64, 128)
    with watching(codec) as seen:
        out = codec(x)
    assert {name: maps["vertical"].shape for name, maps in seen.maps.items()} == {
        "g_a.attention": (2, 4, 8), "g_s.attention": (2, 4, 8), "h_a.attention": (2, 1, 2), "h_s.attention": (2, 1, 2)
    }  # fmt: skip
    y = codec.g_a[:-1](x)
    assert torch.equal(seen.maps["g_a.attention"]["horizontal"], codec.g_a.attention.maps(y)["horizontal"])
    assert seen.refined is not None and not seen.gates
    assert torch.equal(seen.refined.after, out["x_hat"])
    assert torch.equal(codec.g_s.refinement(seen.refined.before), out["x_hat"])


@torch.no_grad()
def test_gates_and_masks_are_seen() -> None:
    x = torch.rand(1, 3, 64, 64)
    with watching(codec := ChannelPostfilter(8, 16).eval()) as seen:
        codec(x)
    sizes = {"g_a.attention": 16, "h_a.attention": 8, "h_s.attention": 16, "g_s.attention": 8}
    assert {name: gates.shape for name, gates in seen.gates.items()} == {name: (1, C) for name, C in sizes.items()}
    assert torch.equal(seen.gates["g_a.attention"], codec.g_a.attention.gates(codec.g_a[:-1](x)))
    with watching(codec := Hyperprior(8, 16, SimplifiedAttention).eval()) as seen:
        codec(x)
    assert [*seen.maps["g_a.attention"]] == ["mask"] and seen.refined is None


def test_the_codec_is_left_as_it_was() -> None:
    codec = Adjacent(8, 16)
    before = hooks(codec)
    with pytest.raises(RuntimeError), watching(codec):
        assert hooks(codec) == before + 5
        codec(torch.rand(1, 1, 64, 64))  # no picture
    assert hooks(codec) == before
    with watching(plain := Hyperprior(8, 16)) as seen:
        assert hooks(plain) == 0, "no block, no cost"
    assert not seen.maps and not seen.gates and seen.refined is None


def test_training_goes_on_under_watch() -> None:
    codec = Adjacent(8, 16, mixture=1)
    x = torch.rand(1, 3, 64, 64)

    def gradient() -> Tensor:
        codec.zero_grad()
        codec(x)["x_hat"].square().mean().backward()
        return codec.g_s[1].weight.grad.clone()

    torch.manual_seed(0)
    alone = gradient()
    torch.manual_seed(0)
    with watching(codec) as seen:
        watched = gradient()
    assert torch.equal(alone, watched) and not seen.maps["g_a.attention"]["vertical"].requires_grad


def test_a_block_of_ones_own_is_watched_too() -> None:
    class Corner(nn.Identity):
        def maps(self, x: Tensor) -> dict[str, Tensor]:
            return {"mask": torch.eye(2)[None]}

    codec = nn.Sequential(nn.Conv2d(3, 8, 1), Corner())
    with watching(codec) as seen:
        codec(torch.rand(1, 3, 2, 2))
    assert list(seen.maps) == ["1"] and torch.equal(seen.maps["1"]["mask"][0], torch.eye(2))


def test_stages_of_neighbourhood_attention_and_masks_of_sub_images_are_seen() -> None:
    codec = Interleaved(partial(TinyLIC, (16, 16, 16, 16), (1, 1, 1, 1), 16, (8, 8)), C=4, hidden=4).eval()
    x = torch.rand(1, 3, 64, 128)
    with torch.inference_mode():
        unwatched = codec(x)["x_hat"]
        with watching(codec) as seen:
            assert torch.equal(codec(x)["x_hat"], unwatched)
    assert seen.maps["g_a.0.refinement.attention"]["mask"].shape == (1, 32, 64)
    last = seen.maps["g_a.1.7"]["neighbours"]
    assert last.shape == (1, 4, 8) and last.mean().item() == pytest.approx(1, rel=1e-5)
    assert attention_picture(seen, np.zeros((60, 120, 3), np.uint8), (64, 128)) is not None
