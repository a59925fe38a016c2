"""Files of raw frames: what their samples are, by an option, by their names, and checked against what they hold.

Without a word on it in the name a .yuv is 8 bits, 4:2:0, planar, and a .rgb is 8 bits, interleaved. Names say otherwise
as the published sets have it:

    Nebuta_2560x1600_60_10bit_crop.yuv              10 bits: in two bytes each, little-endian, the low bits used
    Beauty_3840x2160_120fps_420_10bit_YUV.yuv       likewise
    clip_1920x1080_50_8bit_444.yuv                  4:4:4
    clip_1920x1080_yuv422p10le.yuv, clip_p010.yuv   one of FFmpeg's names of pixel formats
"""

import contextlib
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from av.video.format import VideoFormat

from common.errors import LicError

RAW = {".yuv": "yuv420p", ".rgb": "rgb24"}  # suffix -> what it holds where nothing else is said
_PIXELS = re.compile(
    r"yuvj?4\d\dp\d*(?:le|be)?|yuv4\d\dp\d+(?:le|be)?|gbrp\d*(?:le|be)?|gray\d+(?:le|be)?|nv\d\d|p[024]1[026](?:le|be)?"
    r"|(?:yuyv|uyvy|yvyu)422|(?:rgb|bgr)(?:24|48(?:le|be)?)|i420"
)
_BITS = (
    re.compile(r"(?<!\d)(8|9|10|12|14|16)[-_ ]?bits?(?![a-z])"),
    re.compile(r"(?<![0-9a-z])(8|9|10|12|14|16)(?:b|le)(?![0-9a-z])"),
)
_CHROMA = re.compile(r"(?<!\d)(?:yuv|ycbcr)?(420|422|444)p?(?![0-9a-z])")
_USUAL = [f"yuv{chroma}p{bits}" for bits in ("", "10le", "12le", "16le") for chroma in ("420", "422", "444")]


class RawFrames(NamedTuple):
    """``pixels``: FFmpeg's name of the format. ``frames``: whole ones. ``notes``: a sentence on each decision."""

    pixels: str
    frames: int
    notes: tuple[str, ...]


def raw_frames(path: Path, size: tuple[int, int], given: str | None = None, ignore_damage: bool = False) -> RawFrames:
    """What the raw file ``path`` holds, as frames of ``size`` (width, height).

    Args:
        given: FFmpeg's name of the pixel format, in place of what the name says.
        ignore_damage: leave out an incomplete frame at the end.

    Raises ``LicError`` for a format that is unknown, a name that says two things, a length that is not one of whole
    frames, and samples that the format cannot hold.
    """
    width, height = size
    if width < 1 or height < 1:
        raise LicError(
            f"{path} cannot hold frames of {width}x{height} pixels; give a width and a height of at least 1."
        )
    named = None if given else _named(path)
    pixels = _known(path, given) if given else named or RAW[path.suffix.lower()]
    notes = []
    if given and _named(path, strict=False) not in (None, pixels):
        notes.append(f"{path} was read as {pixels}, as the option says; its name says {_named(path, strict=False)}.")
    elif named is not None:
        notes.append(f"{path} was read as {pixels}, as its name says.")
    one, held = frame_bytes(pixels, width, height), path.stat().st_size
    count, rest = divmod(held, one)
    if count == 0 or (rest and not ignore_damage):
        fitting = [other for other in _USUAL if held and held % frame_bytes(other, width, height) == 0]
        hint = f" They would be of {' or '.join(fitting)} (--format)." if fitting and path.suffix != ".rgb" else ""
        raise LicError(
            f"{path} holds {held} bytes, which are not whole frames of {width}x{height} pixels ({one} bytes each) in "
            f"{pixels}; check the size and the format, or fetch the file again.{hint}"
        )
    if rest:
        notes.append(f"{path} ends with {rest} bytes that are no whole frame; they were left out.")
    _check_samples(path, pixels, one, given is not None)
    return RawFrames(pixels, count, tuple(notes))


def frame_bytes(pixels: str, width: int, height: int) -> int:
    """Bytes of a raw frame in FFmpeg's pixel format ``pixels``."""
    kind = VideoFormat(pixels, width, height)
    if kind.is_rgb and not kind.is_planar:
        return width * height * kind.padded_bits_per_pixel // 8
    if not kind.is_planar and any(part.width < width for part in kind.components):
        kind = VideoFormat(pixels, width + width % 2, height)  # two pixels share their chroma
    return sum(part.width * part.height * -(-part.bits // 8) for part in kind.components)


def _named(path: Path, strict: bool = True) -> str | None:
    """The pixel format that the name says; None where it says nothing. ``strict``: raise where it says two things."""
    text = re.sub(r"\d+x\d+", "", path.stem.lower())
    formats = {token for token in re.split(r"[^a-z0-9]+", text) if _PIXELS.fullmatch(token)}
    bits = {int(found) for pattern in _BITS for found in pattern.findall(text)}
    chroma = set(_CHROMA.findall(text))
    if not (formats or bits or chroma):
        return None
    if len(formats) == 1:
        (name,) = formats
        return _known(path, "yuv420p" if name == "i420" else name)
    of_rgb = path.suffix.lower() == ".rgb"
    if not formats and len(bits) <= 1 and len(chroma) <= 1 and not (of_rgb and (chroma or bits != {8})):
        depth = next(iter(bits), 8)
        return "rgb24" if of_rgb else f"yuv{next(iter(chroma), '420')}p{'' if depth == 8 else f'{depth}le'}"
    if not strict:
        return None
    said = [*sorted(formats), *(f"{n} bits" for n in sorted(bits)), *sorted(chroma)]
    raise LicError(
        f"the name of {path} says {' and '.join(said)}, which does not tell how its frames are stored; say it with "
        "--format and one of FFmpeg's names, such as yuv420p10le, or rename the file."
    )


def _known(path: Path, name: str) -> str:
    """``name``, with its byte order, where it is a format of raw frames that can be read."""
    with contextlib.suppress(ValueError):
        kind = VideoFormat(name)  # knows yuv420p10 and p010, too, by the byte order of this machine
        if not kind.has_palette and not kind.is_bit_stream and len(kind.components):
            return kind.name
    raise LicError(
        f"'{name}', for {path}, is no format of raw frames that FFmpeg knows; choose one such as yuv420p, yuv420p10le, "
        "yuv422p, yuv444p, p010le or nv12."
    )


def _check_samples(path: Path, pixels: str, one: int, given: bool) -> None:
    """Raises where the first frame cannot be what it is taken for: 10 bits for 8, or 8 for 10."""
    bits = max(part.bits for part in VideoFormat(pixels).components)
    with path.open("rb") as file:
        first = file.read(one - one % 2)
    if bits == 8 and not given:
        low, high = (np.frombuffer(first, np.uint8)[start::2] for start in (0, 1))
        if high.size and high.max() < 16 and low.max() >= 64:
            raise LicError(
                f"{path} would be read as {pixels}, but every second byte of its first frame is below 16, as in "
                f"samples of 10 or 12 bits; say --format yuv420p10le, --format {pixels}, or what else it is."
            )
    elif 8 < bits < 16 and pixels.endswith("le") and not pixels.startswith("p"):
        largest = int(np.frombuffer(first, "<u2").max())
        if largest >= 1 << bits:
            raise LicError(
                f"{path} would be read as {pixels}, but its first frame has the sample {largest}, and {bits} bits end "
                f"at {(1 << bits) - 1}; say --format with what it is."
            )
