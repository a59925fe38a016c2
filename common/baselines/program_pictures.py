"""JPEG XL and VVC intra, one still picture, through the ffmpeg of the extra `anchors`.

Seconds include the start of the program, about 0.1 s.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from common import ffmpeg_program
from common.baselines.hevc import SIZE
from common.baselines.sides import coded_side, padded

# Seconds for which a decoder may work, far more than it takes, the start of the program included.
WAIT, WAIT_PER_PIXEL = 10.0, 1e-5


@dataclass(frozen=True)
class ProgramPicture:
    """An encoder of ffmpeg for still pictures. The file is its stream, after 4 bytes with the picture's size.

    Attributes:
        name, title, qualities, settings, by_name: as of every codec.
        encoder: ffmpeg's name.
        options: the encoder's, by quality.
        container: ffmpeg's name of what the stream is written as, and read as.
        to_codec, from_codec: filters from RGB to what the encoder takes, and back.
    """

    name: str
    title: str
    qualities: tuple[int, ...]
    settings: str
    encoder: str
    options: Callable[[int | str], Mapping[str, str]]
    container: tuple[str, str]
    to_codec: str
    from_codec: str
    by_name: bool = False

    @property
    def version(self) -> str:
        return ffmpeg_program.version()

    @property
    def command(self) -> str:
        return f"ffmpeg -i PICTURE {' '.join(self._encoding('Q'))} OUT"

    def missing(self) -> str | None:
        """Why it cannot be used here; None when it can."""
        return ffmpeg_program.lacking(self.title, "encoder", self.encoder)

    def encode(self, rgb: np.ndarray, quality: int) -> bytes:
        height, width = rgb.shape[:2]
        size = f"{coded_side(width)}x{coded_side(height)}"
        source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-i", "pipe:0"]
        stream = ffmpeg_program.run([*source, *self._encoding(quality), "pipe:1"], padded(rgb).tobytes())
        return SIZE.pack(width, height) + stream

    def decode(self, data: bytes) -> np.ndarray:
        width, height = SIZE.unpack_from(data)
        # -xerror: libjxl may report that a damaged stream ends too early for ever
        reading = ["-xerror", "-f", self.container[1], "-i", "pipe:0", "-vf", self.from_codec]
        writing = ["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]
        seconds = WAIT + WAIT_PER_PIXEL * width * height
        rgb = ffmpeg_program.run([*reading, *writing], data[SIZE.size :], seconds)
        return np.frombuffer(rgb, np.uint8).reshape(coded_side(height), coded_side(width), 3)[:height, :width]

    def _encoding(self, quality: int | str) -> list[str]:
        flags = {"vf": self.to_codec, "c:v": self.encoder, "threads": "1", **self.options(quality)}
        return [part for key, value in flags.items() for part in (f"-{key}", value)] + ["-f", self.container[0]]


def jpegxl_distance(quality: int | str) -> str:
    """The distance that libjxl's own program takes for a quality from 0 to 100 (JxlEncoderDistanceFromQuality)."""
    if isinstance(quality, str):
        return f"distance({quality})"
    low = 53 / 3000 * quality**2 - 23 / 20 * quality + 25
    return f"{0.1 + (100 - quality) * 0.09 if quality >= 30 else low:.4g}"


JPEG_XL = ProgramPicture(
    "jpegxl",
    "JPEG XL",
    (11, 15, 20, 30, 40, 50, 60, 70, 80, 90),
    "libjxl, effort 7, XYB, tuned for the eye and not for PSNR; the quality is that of cjxl, from which the distance "
    "follows",
    "libjxl",
    lambda quality: {"distance": jpegxl_distance(quality), "effort": "7", "frames:v": "1"},
    ("image2pipe", "jpegxl_pipe"),
    "format=rgb24",
    "format=rgb24",
)

JPEG_XL_LOSSLESS = replace(
    JPEG_XL,
    name="jpegxl_lossless",
    title="JPEG XL lossless",
    qualities=(7,),
    settings="libjxl, distance 0, which is lossless; the quality is the effort",
    options=lambda effort: {"distance": "0", "effort": str(effort), "frames:v": "1"},
    by_name=True,
)

# VVenC has 4:2:0 alone. Chroma is scaled with spline36 both ways, the best of zscale's filters on Kodak: without any
# codec between, PSNR over RGB ends at about 46 dB.
_MATRIX = "range=full:filter=spline36"
VVC_INTRA = ProgramPicture(
    "vvc",
    "VVC intra 4:2:0",
    (47, 42, 37, 32, 27, 22),
    "libvvenc -preset medium -qp Q -qpa 0 (for PSNR), BT.709 full range, 10 bit, 4:2:0; the quality is qp",
    "libvvenc",
    lambda qp: {"preset": "medium", "qp": str(qp), "qpa": "0", "vvenc-params": "threads=1"},
    ("vvc", "vvc"),
    f"format=gbrp,zscale=matrixin=gbr:rangein=full:matrix=709:{_MATRIX},format=yuv420p10le",
    f"zscale=matrixin=709:rangein=full:matrix=gbr:{_MATRIX},format=gbrp",
    by_name=True,
)
