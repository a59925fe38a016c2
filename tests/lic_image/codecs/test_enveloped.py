"""Codecs around codecs: files of odd sizes, damage, training, and what does not fit."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from support import textured
from torch import nn

from common.capabilities import Adjustable
from common.coding.codec_files import to_input, to_picture
from common.entropy.container import pack, unpack
from common.errors import LicError, StreamError
from lic_image.codecs.classical import Classical
from lic_image.codecs.enveloped import Enveloped
from lic_image.codecs.mean_hyperprior import MeanHyperprior
from lic_image.envelope.green import GreenGuided
from lic_image.envelope.holes import Holes, Inpaint
from lic_image.envelope.luma import Colourise, Luma
from lic_image.envelope.post import ArCnn, AsDecoded, Refined, Restore
from lic_image.envelope.pre import Compact, Downscale
from lic_image.envelope.scaling import SuperResolution
from lic_image.files import ImageFiles
from lic_image.layers.post_filter import PostFilter

SMALL = {"N": 4, "blocks": 1}


def jpeg() -> Classical:
    return Classical("jpeg", 40, trained_qualities=(10, 60), gradient="dct")


def ours() -> MeanHyperprior:
    return MeanHyperprior(8, 12, start="pyramid")


MADE: dict[str, Callable[[], Enveloped]] = {
    "jpeg, restore": lambda: Enveloped(jpeg(), post=Restore(**SMALL)),
    "webp, arcnn": lambda: Enveloped(Classical("webp", 40), post=ArCnn((4, 4, 4))),
    "avif, green_guided": lambda: Enveloped(Classical("avif", 40), post=GreenGuided(**SMALL)),
    "jpeg, refinement": lambda: Enveloped(jpeg(), post=Refined(lambda: PostFilter(4))),
    "downscale, ours, super_resolution": lambda: Enveloped(ours(), Downscale(2), SuperResolution(2, **SMALL)),
    "downscale 4, jpeg, super_resolution": lambda: Enveloped(jpeg(), Downscale(4), SuperResolution(4, **SMALL)),
    "compact, jpeg, super_resolution": lambda: Enveloped(
        jpeg(), Compact(4), SuperResolution(2, knows_quality=True, **SMALL)
    ),
    "luma, jpeg, colourise": lambda: Enveloped(jpeg(), Luma(32), Colourise(32, **SMALL)),
    "luma, ours, colourise": lambda: Enveloped(ours(), Luma(16), Colourise(16, **SMALL)),
    "luma without colours": lambda: Enveloped(jpeg(), Luma(0), Colourise(0, **SMALL)),
    "holes, jpeg, inpaint": lambda: Enveloped(jpeg(), Holes(), Inpaint(**SMALL)),
    "holes, ours, inpaint": lambda: Enveloped(ours(), Holes(), Inpaint(**SMALL)),
}


def livened(name: str) -> Enveloped:
    """With posts that do something."""
    torch.manual_seed(0)
    codec = MADE[name]()
    codec.start_from(torch.rand(2, 3, 128, 128), 0.013)
    for p in codec.post.parameters():
        with torch.no_grad():
            p.add_(0.03 * torch.randn_like(p))
    return codec.eval()


@pytest.mark.parametrize("size", [(1, 1), (17, 33), (130, 71)], ids=str)
@pytest.mark.parametrize("name", MADE)
def test_decoded_pixels_are_the_forward_pass(name: str, size: tuple[int, int]) -> None:
    codec, rgb = livened(name), textured(*size)
    files = ImageFiles(codec, "test")
    decoded = files.decode(files.encode(rgb)).rgb
    with torch.inference_mode():
        forward = codec(to_input(rgb, codec.downsampling))
    assert np.array_equal(decoded, to_picture(forward["x_hat"], *size))


@pytest.mark.parametrize("name", MADE)
def test_bits_are_those_that_are_written(name: str) -> None:
    codec = livened(name)
    if codec.hints is not None:
        codec.hints.update(update_quantiles=True)
    x = to_input(textured(256, 256), codec.downsampling)
    with torch.inference_mode():
        bits = -sum(p.double().log2().sum().item() for p in codec(x)["likelihoods"].values())
        written = 8 * sum(len(strings[0]) for strings in codec.compress(x)["strings"])
    assert written == pytest.approx(bits, rel=0.05, abs=150)


@pytest.mark.parametrize("name", MADE)
def test_everything_that_learns_gets_a_gradient(name: str) -> None:
    codec = livened(name).train()
    x = to_input(textured(128, 128), codec.downsampling).expand(2, -1, -1, -1)
    out = codec(x)
    bits = -sum(p.log2().sum() for p in out["likelihoods"].values())
    (bits / 1e4 + (out["x_hat"] - x).square().sum() + codec.aux_loss()).backward()
    without = [name for name, p in codec.named_parameters() if p.requires_grad and p.grad is None]
    assert not without


@pytest.mark.parametrize("name", ["compact, jpeg, super_resolution", "luma, jpeg, colourise", "holes, ours, inpaint"])
def test_damage_is_a_stream_error_and_nothing_else(name: str) -> None:
    """The container's checks are passed, so that streams reach the decoders; what decodes has its size."""
    codec, rgb = livened(name), textured(40, 50)
    files = ImageFiles(codec, "test")
    data = files.encode(rgb)
    packet, rng, ended = unpack(data), np.random.default_rng(1), 0
    for trial in range(60):
        streams = list(packet.levels[0].streams)
        place = int(rng.integers(len(streams)))
        stream = bytearray(streams[place])
        if trial % 3 == 0:
            stream = stream[: int(rng.integers(len(stream)))]
        for at in rng.integers(0, max(len(stream), 1), 3):
            if stream:
                stream[at] = rng.integers(256)
        streams[place] = bytes(stream)
        if trial % 10 == 9:
            streams = streams[:place]
        damaged = pack(packet.header, [packet.levels[0]._replace(streams=streams)])
        try:
            assert files.decode(damaged).rgb.shape == rgb.shape
        except StreamError:
            ended += 1
    assert ended > 15


def test_a_jpeg_in_place_of_the_one_that_was_written_is_found() -> None:
    """It is as large and whole, and the container's checks are made anew; but for its symbols'."""
    files, rgb = ImageFiles(livened("jpeg, restore"), "test"), textured(40, 50)
    packet, other = (unpack(files.encode(each)) for each in (rgb, rgb[::-1].copy()))
    swapped = packet.levels[0]._replace(streams=other.levels[0].streams)
    with pytest.raises(StreamError, match="not the ones that were written"):
        files.decode(pack(packet.header, [swapped]))


def test_the_quality_is_an_operating_point_of_the_file() -> None:
    codec = livened("jpeg, restore")
    assert isinstance(codec, Adjustable) and codec.setting.curve == (10, 20, 30, 40, 50, 60)
    files, rgb = ImageFiles(codec, "test"), textured(64, 64)
    low, own, high = (files.encode(rgb, setting=setting) for setting in (5, None, 90))
    assert len(low) < len(own) < len(high)
    with torch.inference_mode(), codec.at(5):
        forward = codec(to_input(rgb, codec.downsampling))
    assert np.array_equal(files.decode(low).rgb, to_picture(forward["x_hat"], 64, 64))
    assert not isinstance(livened("holes, ours, inpaint"), Adjustable)


def test_exact_pixels_are_nearly_those_of_floats() -> None:
    for name in MADE:
        files = ImageFiles(livened(name), "test")
        data = files.encode(textured(40, 50))
        exact, floats = (files.decode(data, exact=way).rgb.astype(int) for way in (True, False))
        assert abs(exact - floats).max() <= 1, name


BAD: list[tuple[Callable[[], nn.Module], str]] = [
    (lambda: Enveloped(jpeg(), Downscale(2), Restore(**SMALL)), "2 times smaller and the post 1 times larger"),
    (lambda: Enveloped(jpeg(), Holes(), Restore(**SMALL)), "hints of 1 channels and the post takes 0"),
    (lambda: Enveloped(jpeg(), Luma(0), Colourise(16, **SMALL)), "hints of 0 channels and the post takes 2"),
    (lambda: Enveloped(ours(), post=Restore(**SMALL)), "the inner codec is none"),
    (lambda: Enveloped(jpeg()), "nothing here learns"),
    (lambda: Enveloped(jpeg(), post=AsDecoded()), "nothing here learns"),
]


@pytest.mark.parametrize(("make", "sentence"), BAD)
def test_what_does_not_fit_is_one_sentence(make: Callable[[], nn.Module], sentence: str) -> None:
    with pytest.raises(LicError, match=sentence):
        make()
