"""Residual codecs: CompressAI's scale hyperprior, from which the published one is, and any image codec in its place."""

from typing import Any

import pytest
import torch
from compressai.models import ScaleHyperprior
from torch import Tensor

from common.entropy.packet import PacketReader, PacketWriter, stack
from common.errors import StreamError
from common.layers.pyramid_start import optimal_step
from lic_image.codecs.factorized import Factorized
from lic_image.codecs.swift import Swift
from lic_video.codecs.skeleton import own_tables
from lic_video.parts.residual_codec import ImageAsResidualCodec, residual_codec


@torch.inference_mode()
def test_it_is_compressais_scale_hyperprior() -> None:
    """Which ends in a ReLU where ours has none: no scale is below 0.11 either way."""
    torch.manual_seed(0)
    peer = ScaleHyperprior(8, 12).eval()
    peer.g_a[-1].weight *= 50  # latents that are not all zero
    ours = residual_codec(8, 12, hyper=8).eval()
    ours.g_a.load_state_dict(peer.g_a.state_dict())
    ours.g_s.load_state_dict(peer.g_s.state_dict())
    ours.latents.h_a.load_state_dict(peer.h_a.state_dict())
    ours.latents.h_s.load_state_dict(peer.h_s.state_dict())
    bottleneck = {k: v for k, v in peer.entropy_bottleneck.state_dict().items() if not k.startswith("_")}
    ours.latents.entropy_bottleneck.load_state_dict(bottleneck, strict=False)
    x = 2 * torch.rand(2, 3, 64, 128) - 1
    coded, expected = ours(x), peer(x)
    assert coded.likelihoods["y"].std() > 0.1
    torch.testing.assert_close(coded.x_hat, expected["x_hat"])
    for name, p in expected["likelihoods"].items():
        torch.testing.assert_close(coded.likelihoods[name], p)


@torch.inference_mode()
def test_it_starts_as_a_transform_codec_of_residuals() -> None:
    """Around 0: nothing is added where nothing lacks."""
    torch.manual_seed(0)
    codec = residual_codec(32, 48, hyper=8).eval()
    x = blocks(2, 64, 96)
    codec.start_from(x, 0.02)
    assert (codec(x).x_hat - x).square().mean().sqrt() < x.std() / 4
    assert codec(torch.zeros_like(x)).x_hat.abs().max() < 0.01


class Rounding(torch.nn.Module):
    """An image codec that rounds to multiples of 0.3, which may lead beyond 1; keeps what it is shown."""

    downsampling = 32

    def forward(self, x: Tensor) -> dict[str, Any]:
        self.seen = x
        return {"x_hat": (x / 0.3).round() * 0.3 + (x > 1), "likelihoods": {"y": torch.full_like(x, 0.5)}}

    def start_from(self, x: Tensor, lmbda: float) -> None:
        self.started = x, lmbda


def test_an_image_codec_sees_grey_where_nothing_lacks() -> None:
    image = Rounding()
    codec = ImageAsResidualCodec(image).eval()  # type: ignore[arg-type]
    residual = torch.tensor([0.0, 1.0, -1.0, 0.2, 1.2]).view(1, 1, 1, 5).expand(1, 3, 1, 5)
    coded = codec(residual)
    torch.testing.assert_close(image.seen[0, 0, 0], torch.tensor([0.5, 1.0, 0.0, 0.6, 1.1]))
    torch.testing.assert_close(coded.x_hat[0, 0, 0], torch.tensor([0.2, 0.8, -1.0, 0.2, 1.0]))
    assert list(coded.likelihoods) == ["y"] and codec.multiple == 32
    unbounded = codec.train()(residual).x_hat[0, 0, 0, 4]
    assert unbounded.item() == pytest.approx(2 * (1.2 + 1) - 1), "a gradient is needed beyond 1, too"


def test_an_image_codec_starts_with_the_step_in_the_residuals_units() -> None:
    """A residual of 1 is a picture's 1/2: steps halve, and λ is the one for which the halved step is best."""
    image, residual = Rounding(), torch.rand(1, 3, 4, 4) - 0.5
    ImageAsResidualCodec(image).start_from(residual, 0.06)  # type: ignore[arg-type]
    seen, lmbda = image.started
    torch.testing.assert_close(seen, 0.5 + residual / 2)
    assert optimal_step(lmbda * 255**2) == pytest.approx(0.03)


@pytest.fixture
def factorized() -> ImageAsResidualCodec:
    torch.manual_seed(0)
    codec = ImageAsResidualCodec(Factorized(8, 12, start="pyramid"))
    codec.start_from(blocks(2, 64, 64), 0.05)
    return codec.eval()


def blocks(count: int, height: int, width: int) -> Tensor:
    """Residuals that differ from block to block of 8x8."""
    coarse = torch.rand(count, 3, height // 8, width // 8) - 0.5
    return coarse.repeat_interleave(8, 2).repeat_interleave(8, 3)


@torch.inference_mode()
def test_an_image_codecs_streams_travel_beside_the_common_one(factorized: ImageAsResidualCodec) -> None:
    x = blocks(1, 32, 48)
    tables = stack(own_tables(residual_codec(4, 4, 4)))  # of whatever else writes into the packet
    packet = PacketWriter(tables)
    written = factorized.write(x, packet)
    streams = packet.finish()
    own = factorized.codec.compress(0.5 + x / 2)["strings"]
    assert streams[1:] == [strings[0] for strings in own]
    reader = PacketReader(tables, streams)
    read = factorized.read((32, 48), reader)
    reader.finish()
    assert torch.equal(read, written) and torch.equal(read, factorized(x).x_hat)
    assert (read - x).square().mean() < x.square().mean() / 2


@torch.inference_mode()
def test_swift_writes_into_the_common_stream() -> None:
    """Its two streams cost a coder's state and a length each, which is a hundredth of a small frame."""
    torch.manual_seed(0)
    codec = ImageAsResidualCodec(Swift(M=24, N=8, Z=4))
    x = blocks(1, 64, 96)
    codec.start_from(x, 0.05)
    codec.eval()
    motion = residual_codec(4, 4, 4)  # whatever else writes into the packet
    tables = stack([model for part in (motion, codec) for model in own_tables(part)])
    packet = PacketWriter(tables)
    written = codec.write(x, packet)
    streams = packet.finish()
    assert len(streams) == 1
    assert len(streams[0]) <= sum(len(s[0]) for s in codec.codec.compress(0.5 + x / 2)["strings"]) - 4
    reader = PacketReader(tables, streams)
    read = codec.read((64, 96), reader)
    reader.finish()
    assert torch.equal(read, written) and torch.equal(read, codec(x).x_hat)

    packet = PacketWriter(tables)  # as in files of version 2
    packet.attach([s[0] for s in codec.codec.compress(0.5 + x / 2)["strings"]])
    reader = PacketReader(tables, packet.finish())
    assert torch.equal(codec.read((64, 96), reader), written)
    reader.finish()


@torch.inference_mode()
def test_a_packet_that_lacks_the_image_codecs_streams_is_refused(factorized: ImageAsResidualCodec) -> None:
    tables = stack(own_tables(residual_codec(4, 4, 4)))
    reader = PacketReader(tables, PacketWriter(tables).finish())
    with pytest.raises(StreamError, match="0 streams of an image codec"):
        factorized.read((32, 48), reader)
