"""The motion codec: its layers in order, where DRAS blocks stand, what it starts as, how many parameters it has."""

from typing import Any

import pytest
import torch
from compressai.layers import GDN
from torch import Tensor, nn

from lic_video.layers.dras import DRAS
from lic_video.parts.coded_map import MapCodec
from lic_video.parts.motion_codec import motion_codec


def steady(*speeds: tuple[float, float]) -> Tensor:
    """Flows (B, 2, 64, 96), each of one speed but for a patch that rests."""
    flow = torch.tensor(speeds)[:, :, None, None].repeat(1, 1, 64, 96)
    flow[:, :, 16:48, 32:64] = 0
    return flow


def layers_of(part: nn.Sequential) -> list[str]:
    def told(layer: nn.Module) -> str:
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            kind = "up" if isinstance(layer, nn.ConvTranspose2d) else "down"
            assert layer.kernel_size == (3, 3) and layer.stride == (2, 2)
            return f"{kind} {layer.in_channels}-{layer.out_channels}"
        return type(layer).__name__ + " inverse" * bool(getattr(layer, "inverse", False))

    return [told(layer) for layer in part]


def test_layers_are_those_of_the_thesis_in_its_order() -> None:
    codec = motion_codec(N=8, M=16, hyper=4)
    assert layers_of(codec.g_a) == [
        "down 2-8",
        "GDN",
        "down 8-8",
        "GDN",
        "DRAS",
        "down 8-8",
        "GDN",
        "DRAS",
        "down 8-16",
    ]
    expected = ["up 16-8", "GDN inverse", "DRAS", "up 8-8", "GDN inverse", "DRAS", "up 8-8", "GDN inverse", "up 8-2"]
    assert layers_of(codec.g_s) == expected
    inside = [m.inverse for blocks in (codec.g_a, codec.g_s) for m in blocks.modules() if isinstance(m, GDN)]
    assert inside == 7 * [False] + 7 * [True], "three and two in each of two blocks, on either side"
    plain = motion_codec(N=8, M=16, hyper=4, dras=False)
    assert layers_of(plain.g_a) == ["down 2-8", "GDN", "down 8-8", "GDN", "down 8-8", "GDN", "down 8-16"]


@torch.inference_mode()
def test_blocks_stand_at_a_quarter_and_an_eighth() -> None:
    codec = motion_codec(N=8, M=16, hyper=4).eval()
    sides: list[int] = []
    for module in codec.modules():
        if isinstance(module, DRAS):
            module.register_forward_hook(lambda _, inputs, __: sides.append(inputs[0].shape[2]))
    coded = codec(steady((3, 1)))
    assert sides == [16, 8, 8, 16]
    assert coded.x_hat.shape == (1, 2, 64, 96)
    assert {k: tuple(p.shape) for k, p in coded.likelihoods.items()} == {"y": (1, 16, 4, 6), "z": (1, 4, 1, 2)}


@torch.inference_mode()
def test_with_blocks_it_starts_as_the_codec_without() -> None:
    with_blocks, plain = (motion_codec(N=8, M=16, hyper=4, dras=dras).eval() for dras in (True, False))
    for a, b in ((with_blocks.g_a, plain.g_a), (with_blocks.g_s, plain.g_s)):
        for layer, other in zip((layer for layer in a if not isinstance(layer, DRAS)), b):
            other.load_state_dict(layer.state_dict())
    plain.latents.load_state_dict(with_blocks.latents.state_dict())
    flow = steady((5, -3))
    torch.testing.assert_close(with_blocks(flow).x_hat, plain(flow).x_hat)
    for module in with_blocks.modules():
        if isinstance(module, DRAS):
            nn.init.normal_(module.leave.weight)
    assert not torch.allclose(with_blocks(flow).x_hat, plain(flow).x_hat)


@pytest.mark.parametrize("dras", [True, False])
@torch.inference_mode()
def test_from_the_start_it_knows_flows_to_a_fraction_of_their_speed(dras: bool) -> None:
    torch.manual_seed(0)
    codec = motion_codec(N=32, M=64, hyper=8, dras=dras).eval()
    codec.start_from(steady((6, 0), (-3, 4), (2, -7), (0, 1)), 0.25)
    flow = steady((-5, 3))
    error = (codec(flow).x_hat - flow).square().mean().sqrt()
    assert error < 0.5, "of 5.8 px"


@pytest.mark.parametrize(("changes", "millions"), [({}, 4.97), ({"M": 128, "hyper": 128, "dras": False}, None)])
def test_parameters(changes: dict[str, Any], millions: float | None) -> None:
    """As published (thesis, table 7.11); without blocks as counted by hand, layer by layer."""
    codec = motion_codec(**changes)
    count = sum(p.numel() for p in codec.parameters())
    if millions:
        assert count / 1e6 == pytest.approx(millions, rel=0.05)
    else:
        assert count == by_hand(codec, 128, 128, 128)


def by_hand(codec: MapCodec, N: int, M: int, hyper: int) -> int:
    def convolution(a: int, b: int, side: int) -> int:
        return a * b * side**2 + b

    down = convolution(2, N, 3) + 2 * convolution(N, N, 3) + convolution(N, M, 3)
    up = convolution(M, N, 3) + 2 * convolution(N, N, 3) + convolution(N, 2, 3)
    gdn = 6 * (N * N + N)
    inner = convolution(M, hyper, 3) + 4 * convolution(hyper, hyper, 5) + convolution(hyper, M, 3)
    bottleneck = sum(p.numel() for p in codec.latents.entropy_bottleneck.parameters())
    return down + up + gdn + inner + bottleneck
