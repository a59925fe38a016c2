"""A frame's common stream: several models in one coder, in order, as cheap as one."""

import copy

import pytest
import torch

from common.entropy.hyperprior import HyperpriorLatents
from common.entropy.models import GaussianConditional
from common.entropy.packet import PacketReader, PacketWriter, Stacks, stack
from common.entropy.streams import symbol_checksum
from common.entropy.tables import TableModel
from common.errors import StreamError


def latents(means: bool, seed: int) -> HyperpriorLatents:
    torch.manual_seed(seed)
    model = HyperpriorLatents(12, 8, means).eval()
    model.start_from(torch.rand(12) * 3 + 0.2)
    return model


def models(*parts: HyperpriorLatents) -> list[TableModel]:
    return [m for part in parts for m in part.modules() if isinstance(m, TableModel)]


@torch.inference_mode()
def test_two_latents_share_one_stream_and_come_back_as_the_forward_pass_has_them() -> None:
    first, second = latents(False, 0), latents(True, 1)
    y = 4 * torch.randn(1, 12, 11, 9), 2 * torch.randn(1, 12, 5, 6)
    tables = stack(models(first, second))
    packet = PacketWriter(tables)
    written = [part.write_latents(x, packet) for part, x in zip((first, second), y)]
    packet.attach([b"more", b""])
    streams = packet.finish()
    assert streams[1:] == [b"more", b""]
    reader = PacketReader(tables, streams)
    read = [first.read_latents((11, 9), reader), second.read_latents((5, 6), reader)]
    assert reader.attached() == [b"more", b""]
    reader.finish()
    for part, x, a, b in zip((first, second), y, written, read):
        assert torch.equal(a, b) and torch.equal(a, part(x)[0])


@torch.inference_mode()
def test_the_stream_is_as_long_as_the_likelihoods_say_but_for_one_coder_state() -> None:
    first, second = latents(True, 2), latents(False, 3)
    for part in (first, second):
        part.h_s[-1].weight.zero_()  # so that the scales are what y deviates by: no symbol is a surprise
        part.h_s[-1].bias.zero_()
        part.h_s[-1].bias[:12] = 2
    y = 2 * torch.randn(1, 12, 32, 32), 2 * torch.randn(1, 12, 32, 32)
    packet = PacketWriter(stack(models(first, second)))
    bits = 0.0
    for part, x in zip((first, second), y):
        part.write_latents(x, packet)
        bits += sum(-p.double().log2().sum().item() for p in part(x)[1].values())
    (stream,) = packet.finish()
    assert abs(8 * len(stream) - bits) < 0.005 * bits + 64


@torch.inference_mode()
def test_only_the_positions_asked_for_are_written() -> None:
    torch.manual_seed(0)
    model = GaussianConditional(None)
    tables = stack([model])
    y, means, scales = 3 * torch.randn(1, 4, 6, 7), torch.randn(1, 4, 6, 7), 3 * torch.ones(1, 4, 6, 7)
    positions = torch.rand(6, 7) < 0.5
    writer = PacketWriter(tables)
    y_hat = [writer.gaussians(model, y, scales, means, None, where) for where in (positions, ~positions)]
    reader = PacketReader(tables, writer.finish())
    read = [reader.gaussians(model, scales, means, None, where) for where in (positions, ~positions)]
    reader.finish()
    for a, b, where in zip(y_hat, read, (positions, ~positions)):
        assert torch.equal(a[..., where], b[..., where]) and torch.equal(b[..., ~where], means[..., ~where])


@torch.inference_mode()
def test_a_short_stream_is_read_like_a_whole_one_and_is_some_four_bytes_shorter() -> None:
    model = latents(False, 5)
    tables = stack(models(model))
    saved = []
    for seed in range(40):
        torch.manual_seed(seed)
        y = torch.randn(1, 12, 3, 3)
        packet = PacketWriter(tables)
        written = model.write_latents(y, packet)
        (whole,), (short,) = packet.finish(), packet.finish(short=True)
        saved.append(len(whole) - len(short))
        for stream in (whole, short):
            reader = PacketReader(tables, [stream])
            assert torch.equal(model.read_latents((3, 3), reader), written)
            reader.finish()
    assert 2.5 < sum(saved) / len(saved) < 4 and max(saved) < 8


def test_a_packet_without_models_holds_only_what_is_attached() -> None:
    packet = PacketWriter(stack([]))
    packet.attach([b"one", b"two"])
    assert packet.finish(short=True) == [b"one", b"two"]
    with symbol_checksum() as checksum:
        reader = PacketReader(stack([]), [b"one", b"two"])
        checksum.add_decoded(7)  # of what is attached
        assert reader.has_attached and reader.attached() == [b"one", b"two"]
        reader.finish()
    assert checksum.value == 7


@torch.inference_mode()
def test_stacks_are_made_anew_when_a_model_has_other_tables() -> None:
    model, stacks = latents(False, 6), Stacks()
    first = stacks.of(models(model))
    assert stacks.of(models(model)) is first
    model.entropy_bottleneck.quantiles.add_(3)
    model.entropy_bottleneck.update(force=True)
    second = stacks.of(models(model))
    assert second is not first and second.parts[0] is model.entropy_bottleneck.tables
    copied, own = copy.deepcopy((model, stacks))
    assert set(own.of(models(copied)).first) == {id(part) for part in models(copied)}


@torch.inference_mode()
def test_damaged_streams_are_refused() -> None:
    model = latents(False, 4)
    tables = stack(models(model))
    packet = PacketWriter(tables)
    model.write_latents(torch.randn(1, 12, 8, 8), packet)
    (stream,) = packet.finish()
    with pytest.raises(StreamError, match="no stream"):
        PacketReader(tables, [])
    with pytest.raises(StreamError):
        reader = PacketReader(tables, [stream[:-4]])
        model.read_latents((8, 8), reader)
        reader.finish()
    reader = PacketReader(tables, [stream, b"x"])
    model.read_latents((8, 8), reader)
    with pytest.raises(StreamError, match="more than its frame"):
        reader.finish()
