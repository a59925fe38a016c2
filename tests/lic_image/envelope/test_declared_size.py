"""What files declare, of every size and kind that encoders write; and bombs, which no decoder gets to see."""

import struct
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from support import textured

from common.baselines.codecs import CODECS
from common.coding.codec_files import to_input
from common.errors import StreamError
from lic_image.codecs.classical import LEAST, Classical
from lic_image.envelope.declared_size import sizes

FORMATS = {"jpeg": "JPEG", "jpeg444": "JPEG", "webp": "WEBP", "avif": "AVIF", "jpegxl": "JXL"}
SHAPES = [(16, 16), (48, 64), (64, 48), (256, 256), (600, 1000), (514, 18), (320, 384)]


def made(name: str, rgb: np.ndarray, quality: int = 40) -> bytes:
    codec = next(each for each in CODECS if each.name == name)
    if reason := codec.missing():
        pytest.skip(reason)
    return codec.encode(rgb, quality)


@pytest.mark.parametrize("name", LEAST)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_what_encoders_declare(name: str, shape: tuple[int, int]) -> None:
    file = made(name, textured(*shape))
    assert sizes(FORMATS[name], file[4:] if name == "jpegxl" else file) == {shape}


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 50, "exif": b"Exif\0\0"}], ids=["VP8L", "VP8X"])
def test_other_kinds_of_webp(options: dict[str, Any], tmp_path: Any) -> None:
    Image.fromarray(textured(37, 90)).save(tmp_path / "a.webp", **options)
    assert sizes("WEBP", (tmp_path / "a.webp").read_bytes()) == {(37, 90)}


def test_jpeg_xl_by_hand() -> None:
    """Sides are small multiples of 8 or any number; the width may follow from the height."""

    def file(*fields: tuple[int, int]) -> bytes:
        bits = "".join(f"{value:0{count}b}"[::-1] for value, count in fields)[::-1]
        return b"\xff\x0a" + int(bits, 2).to_bytes(16, "little")

    assert sizes("JXL", file((1, 1), (5, 5), (0, 3), (7, 5))) == {(48, 64)}
    assert sizes("JXL", file((1, 1), (8, 5), (3, 3))) == {(72, 96)}  # 4:3
    assert sizes("JXL", file((0, 1), (3, 2), (2**30 - 1, 30), (7, 3))) == {(2**30, 2**31)}
    assert sizes("JXL", file((0, 1), (1, 2), (1079, 13), (0, 3), (2, 2), (99999, 18))) == {(1080, 100000)}
    with pytest.raises(ValueError, match="bare JPEG XL"):
        sizes("JXL", bytes(20))


def larger(name: str) -> bytes:
    """A file for 48x64 pixels in whose stream there is a larger picture."""
    flat = np.full((512, 1024, 3), 90, np.uint8)
    file = bytearray(made(name, flat))
    if name == "jpegxl":
        file[:4] = struct.pack("<HH", 64, 48)
    elif name == "avif":
        at = file.index(b"ispe") + 8
        file[at : at + 8] = struct.pack(">II", 64, 48)
    return bytes(file)


@pytest.mark.parametrize("name", LEAST)
def test_a_larger_picture_within_is_refused_before_it_is_decoded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file, codec = larger(name), Classical(name, 40).eval()

    def decode(self: Any, data: bytes) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(type(codec.file_codec), "decode", decode)
    with pytest.raises(StreamError, match=r"stream is of 1024x512 pixels, not 64x48\.$"):
        codec.decompress([[file]], (3, 4))


def test_an_av1_stream_of_several_sizes_is_refused() -> None:
    """A second sequence header, of another size, in front of the stream; with `iloc` that takes both."""
    small, large = made("avif", textured(48, 64)), made("avif", textured(480, 640))
    stream = large[large.index(b"mdat") + 4 :][:13] + small[small.index(b"mdat") + 4 :]
    at = small.index(b"iloc") + 4 + 18  # where `iloc` says how long the stream is
    file = bytearray(small[: small.index(b"mdat") - 4] + struct.pack(">I4s", 8 + len(stream), b"mdat") + stream)
    struct.pack_into(">I", file, at, len(stream))
    assert sizes("AVIF", bytes(file)) == {(48, 64), (480, 640)}
    with pytest.raises(StreamError, match="640x480 pixels, not 64x48"):
        Classical("avif", 40).decompress([[bytes(file)]], (3, 4))


def test_damaged_headers_are_stream_errors() -> None:
    random = np.random.default_rng(0)
    for name in ("jpeg", "webp", "avif"):  # JPEG XL's decoder is slow to start, and waits where streams are cut off
        codec = Classical(name, 40).eval()
        ((file,),) = codec.compress(to_input(textured(48, 64), 16))["strings"]
        for _ in range(40):
            damaged = bytearray(file)
            for at in random.integers(0, 60 if name != "avif" else 300, 3):
                damaged[at] = random.integers(256)
            try:
                found = codec.decompress([[bytes(damaged)]], (3, 4))["x_hat"]
            except StreamError:
                continue
            assert found.shape == (1, 3, 48, 64) and torch.isfinite(found).all()
