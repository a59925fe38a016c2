"""JPEG, JPEG 2000, WebP, AVIF and PNG through Pillow; all codecs of photographs, and which of them this machine has.

Each codec is set to serve the metric it is judged by: where an encoder would trade PSNR for its own model of
looks, and can be told not to, it is. All of them work in one thread, so that pictures can be encoded side by
side.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import PIL
from PIL import Image, features

from common.baselines.hevc import HevcIntra
from common.baselines.program_pictures import JPEG_XL, JPEG_XL_LOSSLESS, VVC_INTRA


class Codec(Protocol):
    """What `measure` needs of a codec.

    Attributes:
        name: short, as in `--codecs`.
        title: for tables and figures.
        qualities: settings from few to many bits, covering about 0.1 to 2 bpp on photographs.
        encoder: the library's name for it.
        version: the library and its version; a change of it makes a measured curve out of date.
        settings: in words, for the results file.
        command: what encodes a picture so, with Q for the quality.
        by_name: whether it is measured only where it is named: what is slow, and what is lossless.
    """

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def qualities(self) -> Sequence[int]: ...
    @property
    def encoder(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def settings(self) -> str: ...
    @property
    def command(self) -> str: ...
    @property
    def by_name(self) -> bool: ...

    def missing(self) -> str | None:
        """Why it cannot be used here, in a sentence; None when it can."""

    def encode(self, rgb: np.ndarray, quality: int) -> bytes:
        """A complete file of the uint8 (H, W, 3) picture."""

    def decode(self, data: bytes) -> np.ndarray:
        """The uint8 (H, W, 3) picture in the file."""


@dataclass(frozen=True)
class PillowCodec:
    """A codec that Pillow writes as format `file_format` with the keyword arguments `options(quality)`."""

    name: str
    title: str
    file_format: str
    feature: str
    qualities: tuple[int, ...]
    settings: str
    options: Callable[[int | str], Mapping[str, Any]]
    by_name: bool = False

    @property
    def encoder(self) -> str:
        return self.feature

    @property
    def command(self) -> str:
        options = ", ".join(f"{key}={value!r}" for key, value in self.options("Q").items())
        return f"PIL.Image.save(OUT, {self.file_format!r}, {options})".replace("'Q'", "Q")

    def missing(self) -> str | None:
        if features.check(self.feature):
            return None
        return (
            f"{self.title} needs a Pillow built with it, as the wheels from 11.3 on are; "
            f"Pillow {PIL.__version__} here has no {self.feature}."
        )

    @property
    def version(self) -> str:
        return f"Pillow {PIL.__version__}, {self.feature} {features.version(self.feature)}"

    def encode(self, rgb: np.ndarray, quality: int) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(rgb).save(buffer, self.file_format, **self.options(quality))
        return buffer.getvalue()

    def decode(self, data: bytes) -> np.ndarray:
        with Image.open(io.BytesIO(data), formats=[self.file_format]) as picture:
            return np.asarray(picture.convert("RGB"))


JPEG_QUALITIES = (5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90, 95)

# All that there are: `lic bench` and the reports take them from here.
CODECS: tuple[Codec, ...] = (
    PillowCodec(
        "jpeg",
        "JPEG",
        "JPEG",
        "jpg",
        JPEG_QUALITIES,
        "4:2:0, optimised Huffman tables",
        lambda quality: {"quality": quality, "optimize": True},
    ),
    # As CompressAI measures JPEG. Its published figures are of Pillow 7.1.2, whose libjpeg 9d scales chroma otherwise.
    PillowCodec(
        "jpeg_default",
        "JPEG (Pillow's defaults)",
        "JPEG",
        "jpg",
        tuple(range(5, 100, 5)),
        "4:2:0, the standard's Huffman tables: Pillow's defaults, as CompressAI's bench has them",
        lambda quality: {"quality": quality},
    ),
    PillowCodec(
        "jpeg444",
        "JPEG 4:4:4",
        "JPEG",
        "jpg",
        JPEG_QUALITIES,
        "4:4:4, optimised Huffman tables",
        lambda quality: {"quality": quality, "optimize": True, "subsampling": "4:4:4"},
    ),
    # The quality is the compression ratio. Without mct=1 Pillow codes R, G and B apart: 4 dB worse.
    PillowCodec(
        "jpeg2000",
        "JPEG 2000",
        "JPEG2000",
        "jpg_2000",
        (240, 160, 96, 64, 48, 32, 24, 16, 12, 8),
        "irreversible 9/7 wavelet and colour transform, one layer; the quality is the compression ratio",
        lambda ratio: {"quality_mode": "rates", "quality_layers": [ratio], "irreversible": True, "mct": 1},
    ),
    PillowCodec(
        "webp",
        "WebP",
        "WEBP",
        "webp",
        (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95),
        "lossy, method 6 (slowest), 4:2:0 as the format has it",
        lambda quality: {"quality": quality, "method": 6},
    ),
    # libavif's default tuning since 1.2 ("iq") is for the eye and costs about 0.7 dB.
    PillowCodec(
        "avif",
        "AVIF",
        "AVIF",
        "avif",
        (5, 12, 20, 28, 36, 44, 52, 60, 68, 76),
        "libaom, 4:4:4, tune=psnr, speed 6 of 0 (slowest) to 10",
        lambda quality: {
            "quality": quality,
            "speed": 6,
            "codec": "aom",
            "subsampling": "4:4:4",
            "max_threads": 1,
            "advanced": {"tune": "psnr"},
        },
    ),
    HevcIntra(),
    JPEG_XL,
    VVC_INTRA,
    PillowCodec(
        "png",
        "PNG",
        "PNG",
        "zlib",
        (9,),
        "lossless; filters chosen line by line; the quality is zlib's level",
        lambda level: {"compress_level": level},
        by_name=True,
    ),
    PillowCodec(
        "webp_lossless",
        "WebP lossless",
        "WEBP",
        "webp",
        (100,),
        "lossless, method 6 (slowest); the quality is the effort, 100 the most",
        lambda effort: {"lossless": True, "quality": effort, "method": 6},
        by_name=True,
    ),
    # The compression ratio 1 is no limit: every bit plane is written.
    PillowCodec(
        "jpeg2000_lossless",
        "JPEG 2000 lossless",
        "JPEG2000",
        "jpg_2000",
        (1,),
        "lossless: reversible 5/3 wavelet and colour transform, one layer",
        lambda ratio: {"quality_mode": "rates", "quality_layers": [ratio], "irreversible": False, "mct": 1},
        by_name=True,
    ),
    JPEG_XL_LOSSLESS,
)


class Available(NamedTuple):
    """Codecs by name that work here, and for those that do not, a sentence why."""

    codecs: dict[str, Codec]
    missing: dict[str, str]


def available() -> Available:
    """Which of the classical codecs this installation can run."""
    codecs: dict[str, Codec] = {}
    missing: dict[str, str] = {}
    for codec in CODECS:
        if reason := codec.missing():
            missing[codec.name] = reason
        else:
            codecs[codec.name] = codec
    return Available(codecs, missing)
