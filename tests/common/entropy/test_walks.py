"""A walk is described once: what measures, writes and reads goes the same way."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from common.entropy import exact
from common.entropy.models import EntropyBottleneck, GaussianConditional, GaussianMixtureConditional
from common.entropy.packet import PacketReader, PacketWriter, stack
from common.entropy.quantisers import StraightThrough
from common.entropy.walks import Likelihoods, Visitor, WalkedLatents, phases
from common.errors import StreamError


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("size", [(1, 1), (3, 4), (5, 2)])
def test_phases_part_the_positions(size: tuple[int, int], count: int) -> None:
    masks = phases(*size, count)
    assert len(masks) == count
    assert torch.equal(torch.stack(masks).sum(0), torch.ones(size, dtype=torch.long))


def test_phases_by_hand() -> None:
    assert phases(2, 3, 2)[0].tolist() == [[True, False, True], [False, True, False]]
    order = sum(k * mask for k, mask in enumerate(phases(2, 2, 4)))
    assert order.tolist() == [[0, 2], [3, 1]]  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="2 or 4, not 3"):
        phases(2, 2, 3)


class Stepwise(WalkedLatents, nn.Module):
    """Slices of channels, each in phases, every part predicted from all before it."""

    def __init__(self, count: int = 4, components: int = 1) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.count, self.K = count, components
        self.h_a, self.h_s = nn.Conv2d(6, 3, 4, stride=4), nn.ConvTranspose2d(3, 8, 4, stride=4)
        self.predict = nn.Conv2d(8 + 6, 9 * components, 3, padding=1)
        self.entropy_bottleneck = EntropyBottleneck(3)
        self.gaussian_conditional = GaussianMixtureConditional(components) if components > 1 else GaussianConditional()

    def hyper_analysis(self, y: Tensor) -> Tensor:
        return self.h_a(y)  # type: ignore[no-any-return]

    def walk(self, z_hat: Tensor, visit: Visitor) -> Tensor:
        h, w = visit.size
        done = z_hat.new_zeros(len(z_hat), 6, h, w)
        for part in (slice(0, 3), slice(3, 6)):
            for mask in phases(h, w, self.count):
                scales, means, weights = self.told(z_hat, done)
                given = (scales, means, weights) if self.K > 1 else (scales, means)
                y_hat = visit(*given, channels=part, positions=mask)
                done = done.clone()
                done[:, part] += y_hat * mask
        return done

    @exact.parameters
    def told(self, z_hat: Tensor, done: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        side = self.h_s(z_hat)[..., : done.shape[2], : done.shape[3]]
        scales, means, logits = self.predict(torch.cat([side, done / 4], 1)).chunk(3, 1)
        weights = logits.unflatten(1, (self.K, -1)).softmax(1).flatten(1, 2)
        return nn.functional.softplus(scales + 4), means, weights


def coded(walker: Stepwise, batch: int = 2) -> tuple[Tensor, dict[str, Any]]:
    y = 4 * torch.randn(batch, 6, 8, 12, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return y, walker.compress_latents(y)


@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("count", [2, 4])
def test_the_reader_gets_what_the_likelihoods_saw(count: int, components: int) -> None:
    walker = Stepwise(count, components).eval()
    y, out = coded(walker)
    with torch.no_grad():
        measured, likelihoods = walker.measured(y)
        assert torch.equal(walker.decompress_latents(**out), measured)
    for image in range(len(y)):
        for name, strings in zip(("y", "z"), out["strings"]):
            bits = -likelihoods[name][image].double().log2().sum().item()
            assert 8 * len(strings[image]) == pytest.approx(bits, rel=0.03, abs=100)


def test_images_of_a_batch_are_coded_as_alone() -> None:
    walker = Stepwise().eval()
    y, together = coded(walker, 3)
    with torch.no_grad():
        alone = [walker.compress_latents(image[None]) for image in y]
    assert [a["strings"][0][0] for a in alone] == together["strings"][0]


def test_one_packet_holds_both_latents_at_a_size_of_any_kind() -> None:
    walker = Stepwise().eval()
    models = stack([walker.entropy_bottleneck, walker.gaussian_conditional])
    y = 4 * torch.randn(1, 6, 8, 12)
    with torch.no_grad():
        packet = PacketWriter(models)
        written = walker.write_latents(y, packet)
        reader = PacketReader(models, packet.finish(short=True))
        assert torch.equal(walker.read_latents((8, 12), reader), written)
        reader.finish()


def test_damage_is_named() -> None:
    walker = Stepwise().eval()
    _, out = coded(walker, 1)
    with pytest.raises(StreamError, match="3 streams"), torch.no_grad():
        walker.decompress_latents([*out["strings"], [b""]], out["shape"])
    cut = [[out["strings"][0][0][:-4]], out["strings"][1]]
    with pytest.raises(StreamError), torch.no_grad():
        walker.decompress_latents(cut, out["shape"])


def test_likelihoods_of_parts_are_those_of_the_whole() -> None:
    model = GaussianConditional().eval()
    y = 3 * torch.randn(2, 4, 5, 6)
    scales, means = torch.rand_like(y) + 0.5, torch.randn_like(y)
    whole, parts = Likelihoods(model, y), Likelihoods(model, y)
    expected = whole(scales, means)
    for channels in (slice(0, 1), slice(1, 4)):
        for mask in phases(5, 6, 2):
            y_hat = parts(scales[:, channels], means[:, channels], channels=channels, positions=mask)
            assert torch.equal(y_hat, expected[:, channels])
    assert torch.equal(parts.all(), whole.all())


def test_in_training_the_decoder_sees_what_the_quantiser_says() -> None:
    model = GaussianConditional().train()
    model.quantiser = StraightThrough()
    y = torch.tensor([[[[0.3, 1.9]]]], requires_grad=True)
    seen = Likelihoods(model, y)(torch.ones_like(y), torch.zeros_like(y))
    assert seen.tolist() == [[[[0.0, 2.0]]]]
    seen.sum().backward()
    assert y.grad is not None and y.grad.tolist() == [[[[1.0, 1.0]]]]


def test_all_three_hand_the_synthesis_the_same_layout() -> None:
    """A synthesis may round otherwise for another layout: pixels would differ between writer and reader."""
    walker = Stepwise().eval()
    y = 4 * torch.randn(1, 6, 8, 12).contiguous(memory_format=torch.channels_last)
    models = stack([walker.entropy_bottleneck, walker.gaussian_conditional])
    packet = PacketWriter(models)
    with torch.no_grad():
        given = [walker.measured(y)[0], walker.write_latents(y, packet)]
        given.append(walker.read_latents((8, 12), PacketReader(models, packet.finish(short=True))))
    assert len({y_hat.stride() for y_hat in given}) == 1
