"""Codecs that code in levels: every prefix decodes to what the forward pass says, at odd sizes; damage is told."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from support import textured

from common.capabilities import CodesInLevels
from common.coding.codec_files import to_input, to_picture
from common.errors import LicError, StreamError
from lic_image.codecs.layered import Layered
from lic_image.codecs.levels import LevelCodec
from lic_image.codecs.progressive import Progressive
from lic_image.files import ImageFiles
from lic_image.layers.recurrent_cells import AssociativeLSTM, ConvGRU, ConvLSTM
from lic_image.operating_points import first_levels

SIZES = [(1, 1), (17, 33), (75, 130)]


def progressive(decoder_cell: Any = ConvLSTM, **options: Any) -> Progressive:
    cell = ConvLSTM if decoder_cell is AssociativeLSTM else decoder_cell
    codec = Progressive(cell, decoder_cell, (8, 8, 8, 8), (8, 8, 8, 8), bits=6, levels=4, context=8, **options)
    with torch.no_grad():
        for parameter in codec.context.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        if codec.gain is not None and codec.choice is not None:
            codec.gain.leave.weight.normal_()
            codec.choice.log_steps.normal_()
    return codec


def layered(**options: Any) -> Layered:
    codec = Layered(8, 12, levels=5, **options)
    with torch.no_grad():
        codec.g_a[6].weight.mul_(300)
        codec.h_s[-1].bias[:12] = torch.linspace(0.2, 12, 12)
        codec.gains.copy_(torch.linspace(0.5, 1.5, 12)[:, None, None])
    codec.entropy_bottleneck.update(update_quantiles=True)
    return codec


CODECS: dict[str, Callable[[], LevelCodec]] = {
    "progressive": progressive,
    "progressive, additive": partial(progressive, reconstruction="additive"),
    "progressive, GRU": partial(progressive, ConvGRU),
    "progressive, associative LSTM": partial(progressive, AssociativeLSTM, reconstruction="additive"),
    "progressive, scaled": partial(progressive, reconstruction="scaled", start="klt"),
    "layered": layered,
}


@pytest.fixture(scope="module", params=CODECS)
def codec(request: pytest.FixtureRequest) -> LevelCodec:
    torch.manual_seed(0)
    return CODECS[request.param]().eval()


def test_they_code_in_levels(codec: LevelCodec) -> None:
    assert isinstance(codec, CodesInLevels)


@pytest.mark.parametrize("size", SIZES, ids=str)
@torch.inference_mode()
def test_every_prefix_of_a_file_decodes_to_the_forward_pass(codec: LevelCodec, size: tuple[int, int]) -> None:
    files, rgb = ImageFiles(codec, "test"), textured(*size)
    cuts = first_levels(files.encode(rgb))
    told = codec.forward_levels(to_input(rgb, codec.downsampling))
    assert len(cuts) == len(told) == codec.levels
    for data, level in zip(cuts, told):
        assert np.array_equal(files.decode(data).rgb, to_picture(level["x_hat"], *size))
    whole = codec(to_input(rgb, codec.downsampling))
    assert torch.equal(whole["x_hat"], told[-1]["x_hat"])
    for name, likelihoods in whole["likelihoods"].items():
        assert torch.equal(likelihoods, told[-1]["likelihoods"][name])


@torch.inference_mode()
def test_levels_differ_and_cost_what_their_likelihoods_say(codec: LevelCodec) -> None:
    x = to_input(textured(320, 320), codec.downsampling)
    streams, told = list(codec.compress_levels(x)), codec.forward_levels(x)
    written = np.cumsum([sum(map(len, level)) for level in streams])
    bits = [sum(-p.double().log2().sum().item() for p in level["likelihoods"].values()) for level in told]
    assert 8 * written == pytest.approx(bits, rel=0.01, abs=8 * 8 * codec.levels)
    for before, after in pairwise(told):
        assert not torch.equal(before["x_hat"], after["x_hat"])


@torch.inference_mode()
def test_a_batch_codes_like_single_pictures(codec: LevelCodec) -> None:
    x = torch.cat([to_input(textured(64, 64, seed), codec.downsampling) for seed in range(3)])
    out = codec.compress(x)
    single = [codec.compress(each[None])["strings"] for each in x]
    assert out["strings"] == [[each[i][0] for each in single] for i in range(len(out["strings"]))]
    x_hat = codec.decompress(**out)["x_hat"]
    assert torch.allclose(x_hat, codec(x)["x_hat"].clamp(0, 1), atol=1e-5)


@torch.inference_mode()
def test_damaged_streams_are_told_and_nothing_else_happens(codec: LevelCodec) -> None:
    x = to_input(textured(64, 96), codec.downsampling)
    levels = list(codec.compress_levels(x))
    shape = (x.shape[2] // codec.downsampling, x.shape[3] // codec.downsampling)
    random, refused = np.random.default_rng(0), 0
    for _ in range(150):
        changed = [[bytearray(stream) for stream in level] for level in levels[: random.integers(1, len(levels) + 1)]]
        level = changed[random.integers(len(changed))]
        stream = level[random.integers(len(level))]
        at = int(random.integers(len(stream)))
        match int(random.integers(4)):
            case 0:
                stream[at] ^= 1 << int(random.integers(8))
            case 1:
                del stream[at:]
            case 2:
                stream[at:at] = random.bytes(4)
            case _:
                stream[at:] = random.bytes(len(stream) - at)
        try:
            x_hat = codec.decompress_levels([[bytes(s) for s in each] for each in changed], shape)["x_hat"]
            assert x_hat.shape == x.shape
        except StreamError:
            refused += 1
    assert refused > 130


def test_levels_that_do_not_exist_are_refused(codec: LevelCodec) -> None:
    levels = list(codec.compress_levels(to_input(textured(16, 16), codec.downsampling)))
    for wrong in ([], [*levels, levels[-1]], [levels[0] * 2], [*levels[:1], []]):
        with pytest.raises(StreamError, match="are not what this codec writes"):
            codec.decompress_levels(wrong, (1, 1))
    with pytest.raises(StreamError):
        codec.decompress([], (1, 1))


@torch.inference_mode()
def test_a_small_file_that_claims_a_large_picture_is_refused(codec: LevelCodec) -> None:
    levels = list(codec.compress_levels(to_input(textured(16, 16), codec.downsampling)))
    with pytest.raises(StreamError, match="claims more than"):
        codec.decompress_levels(levels, (4000, 4000))


@pytest.mark.parametrize("levels", [0, -1, 2.5])
def test_a_number_of_levels_is_a_whole_one(levels: Any) -> None:
    with pytest.raises(LicError, match="levels must be a whole number"):
        Layered(8, 12, levels=levels)
