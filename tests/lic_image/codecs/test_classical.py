"""A classical codec behind the contract of ours: its file is the stream, and what is measured is what is decoded."""

import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from support import textured

from common import ffmpeg_program
from common.baselines.codecs import CODECS
from common.baselines.program_pictures import JPEG_XL
from common.coding.codec_files import to_input
from common.errors import LicError, StreamError
from lic_image.codecs.classical import LEAST, Classical

X = to_input(textured(48, 64), 16)


@pytest.mark.parametrize("name", LEAST)
def test_the_stream_is_a_file_and_its_bits_are_the_likelihoods(name: str) -> None:
    codec = Classical(name, 40).eval()
    with torch.inference_mode():
        measured, out = codec(X), codec.compress(X)
        decoded = codec.decompress(**out)
    assert torch.equal(measured["x_hat"], decoded["x_hat"]) and measured["quality"].tolist() == [pytest.approx(0.4)]
    ((file,),) = out["strings"]
    baseline = next(each for each in CODECS if each.name == name)
    assert file == baseline.encode(textured(48, 64), 40)
    bits = -measured["likelihoods"]["file"].log2().sum().item()
    assert bits == pytest.approx(8 * len(file), rel=1e-9)


@pytest.mark.parametrize("name", LEAST)
def test_both_ends_of_the_qualities_are_coded_and_what_lies_beyond_is_refused(name: str) -> None:
    for quality in (LEAST[name], 100):
        assert Classical(name, quality).eval().compress(X)["strings"][0][0]
    for quality in (LEAST[name] - 1, 101):
        with pytest.raises(LicError, match=f"qualities of {name} are whole numbers from {LEAST[name]} to 100"):
            Classical(name, 40, trained_qualities=(quality, quality))


def test_a_curve_has_both_ends_and_the_tens_between() -> None:
    assert Classical("jpegxl", 30, trained_qualities=(11, 35)).setting.curve == (11, 20, 30, 35)


def test_a_picture_without_colour_is_a_jpeg_of_one_component() -> None:
    grey = X.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    codec = Classical("jpeg", 40).eval()
    ((file,),) = codec.compress(grey)["strings"]
    assert Image.open(io.BytesIO(file)).mode == "L"
    assert torch.equal(codec.decompress([[file]], (3, 4))["x_hat"], codec(grey)["x_hat"])


def test_in_training_qualities_are_drawn_and_in_evaluation_they_are_set() -> None:
    codec = Classical("jpeg", 50, trained_qualities=(10, 30))
    torch.manual_seed(0)
    drawn = (codec(X.expand(64, -1, -1, -1))["quality"] * 100).round()
    assert drawn.min() == 10 and drawn.max() == 30 and len(drawn.unique()) > 10
    codec.eval()
    assert codec(X)["quality"].item() == pytest.approx(0.5)
    with codec.at(20):
        assert codec(X)["quality"].item() == pytest.approx(0.2)
        small = codec.compress(X)["strings"][0][0]
    assert len(small) < len(codec.compress(X)["strings"][0][0])
    assert codec.setting[:5] == ("quality", 1, 100, 50, (10, 20, 30))


@pytest.mark.parametrize("name", ["jpeg", "webp", "avif"])
def test_a_damaged_file_is_a_stream_error(name: str) -> None:
    codec = Classical(name, 40).eval()
    ((file,),) = codec.compress(X)["strings"]
    rng = np.random.default_rng(0)
    ended = 0
    for trial in range(60):
        damaged = bytearray(file[: rng.integers(0, len(file))] if trial % 2 else file)
        for at in rng.integers(0, max(len(damaged), 1), 4):
            if damaged:
                damaged[at] = rng.integers(256)
        try:
            codec.decompress([[bytes(damaged)]], (3, 4))
        except StreamError:
            ended += 1
    assert ended > 20, "every other end would have failed the test; damage to pixels alone is found by the container"


@pytest.mark.skipif(bool(JPEG_XL.missing()), reason="needs the extra anchors")
def test_a_jpeg_xl_file_that_was_cut_is_found_at_once() -> None:
    """libjxl says of some of them that they end too early, again and again, until it is stopped."""
    codec = Classical("jpegxl", 40).eval()
    ((file,),) = codec.compress(X)["strings"]
    for size in (4, 12, 20, len(file) // 2, len(file) - 1):
        with pytest.raises(StreamError, match="JPEG XL stream is damaged") as caught:
            codec.decompress([[file[:size]]], (3, 4))
        assert "did not end" not in str(caught.value), size


def test_streams_of_another_shape_are_refused() -> None:
    codec = Classical("jpeg", 40).eval()
    ((file,),) = codec.compress(X)["strings"]
    with pytest.raises(StreamError, match="64x48 pixels, not 48x64"):
        codec.decompress([[file]], (4, 3))
    with pytest.raises(StreamError, match="2 streams"):
        codec.decompress([[file], [file]], (3, 4))
    with pytest.raises(StreamError, match="JPEG stream is damaged"):
        codec.decompress([[Classical("webp", 40).compress(X)["strings"][0][0]]], (3, 4))


BAD: list[tuple[tuple[Any, ...], str]] = [
    (("gif", 10), "no inner codec 'gif'"),
    (("jpeg2000", 10), "no inner codec 'jpeg2000'"),
    (("jpeg", 0), "1 to 100"),
    (("jpeg", 30.5), "whole numbers"),
    (("jpeg", 30, (60, 10)), "the least first"),
]


@pytest.mark.parametrize(("arguments", "sentence"), BAD)
def test_bad_settings_are_one_sentence(arguments: tuple[Any, ...], sentence: str) -> None:
    with pytest.raises(LicError, match=sentence):
        Classical(*arguments)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg_program, "program", lambda: None)
    with pytest.raises(LicError, match="anchors"):
        Classical("jpegxl", 40)
