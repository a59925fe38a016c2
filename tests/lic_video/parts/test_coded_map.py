"""Coded maps, with transforms whose result is known: block means, and Haar transforms that lose nothing."""

import pytest
import torch
from compressai.models.utils import conv, deconv
from support import textured
from torch import Tensor, nn

from common.entropy.hyperprior import HyperpriorLatents
from common.entropy.packet import PacketReader, PacketWriter, stack
from common.errors import StreamError
from lic_video.codecs.skeleton import own_tables
from lic_video.parts.coded_map import STEP, MapCodec


def means_codec(unit: float) -> MapCodec:
    """Codes the mean of every block of 16x16."""
    torch.manual_seed(0)
    latents = HyperpriorLatents(2, 4)
    latents.start_from(torch.tensor([8.0, 8.0]))
    g_a, g_s = nn.Sequential(nn.AvgPool2d(STEP)), nn.Sequential(nn.Upsample(scale_factor=STEP))
    return MapCodec(g_a, g_s, latents, unit).eval()


def maps(height: int, width: int, count: int = 1) -> Tensor:
    """Smooth maps (count, 2, H, W) of ±20, as flows are."""
    drawn = [torch.from_numpy(textured(height, width, seed)[..., :2].copy()) for seed in range(count)]
    return (torch.stack(drawn).permute(0, 3, 1, 2).float() - 128) / 5


@pytest.mark.parametrize("unit", [1.0, 4.0, 16.0])
@torch.inference_mode()
def test_the_decoded_map_is_what_the_transforms_make_of_rounded_latents(unit: float) -> None:
    x = maps(48, 80)
    y = x.reshape(1, 2, 3, 16, 5, 16).mean((3, 5)) / unit
    expected = (unit * y.round()).repeat_interleave(16, 2).repeat_interleave(16, 3)
    torch.testing.assert_close(means_codec(unit)(x).x_hat, expected)


@pytest.mark.parametrize("size", [(16, 16), (48, 80), (64, 128)])
@torch.inference_mode()
def test_what_is_read_is_what_was_written_and_what_the_forward_pass_gives(size: tuple[int, int]) -> None:
    codec, x = means_codec(2.0), maps(*size)
    tables = stack(own_tables(codec))
    packet = PacketWriter(tables)
    written = codec.write(x, packet)
    streams = packet.finish()
    reader = PacketReader(tables, streams)
    assert torch.equal(codec.read(size, reader), written) and torch.equal(codec(x).x_hat, written)
    reader.finish()
    with pytest.raises(StreamError):
        reader = PacketReader(tables, streams)
        codec.read((size[0] + 16, size[1]), reader)
        reader.finish()


@torch.inference_mode()
def test_likelihoods_are_what_the_stream_takes() -> None:
    codec, x = means_codec(1.0), maps(32 * 16, 32 * 16)
    packet = PacketWriter(stack(own_tables(codec)))
    codec.write(x, packet)
    coded = codec(x)
    assert {name: tuple(p.shape) for name, p in coded.likelihoods.items()} == {"y": (1, 2, 32, 32), "z": (1, 4, 8, 8)}
    bits = sum(-p.double().log2().sum().item() for p in coded.likelihoods.values())
    assert 8 * len(packet.finish()[0]) == pytest.approx(bits, rel=0.01, abs=64)


def test_training_adds_noise_of_one_unit_and_lets_gradients_through() -> None:
    codec = means_codec(4.0).train()
    x = maps(256, 256).requires_grad_()
    error = codec(x).x_hat[..., ::16, ::16] - x.reshape(1, 2, 16, 16, 16, 16).mean((3, 5))
    assert error.abs().max() <= 2.001 and error.std().item() == pytest.approx(4 / 12**0.5, rel=0.1)
    sum(-p.log2().sum() for p in codec(x).likelihoods.values()).backward()
    assert x.grad is not None and x.grad.abs().sum() > 0


@pytest.mark.parametrize("unit", [1.0, 16.0])
@torch.inference_mode()
def test_it_starts_with_a_uniform_quantiser_of_the_step_that_is_asked_for(unit: float) -> None:
    """With all coefficients of an orthonormal transform the mean square error is step²/12, in the map's units."""
    torch.manual_seed(0)
    g_a, g_s = nn.Sequential(conv(2, 8, kernel_size=3)), nn.Sequential(deconv(8, 2, kernel_size=3))
    codec = MapCodec(g_a, g_s, HyperpriorLatents(8, 4), unit).eval()
    x = maps(128, 128, 2) + torch.randn(2, 2, 128, 128)
    codec.start_from(x, 0.5)
    error = codec(x).x_hat - x
    assert error.square().mean().item() == pytest.approx(0.5**2 / 12, rel=0.05)
    deviations = codec.g_a(x / unit).std((0, 2, 3))
    torch.testing.assert_close(codec.latents.h_s[-1].bias, deviations)
