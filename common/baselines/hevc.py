"""HEVC intra, one still picture, through PyAV and libx265.

The picture becomes 8-bit full-range YCbCr 4:4:4 (JFIF's matrix, by Pillow, so that the conversion is not the
video library's to choose) and one intra frame with a fixed quantiser, tuned for PSNR. The file is the
elementary stream (Annex B), after 4 bytes with the picture's size: small pictures are padded to the least
that x265 takes.
"""

import struct
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from PIL import Image

from common.baselines.ffmpeg import missing, pyav_version
from common.baselines.sides import MIN_SIDE

SIZE = struct.Struct("<HH")
# info=0 leaves out 2 kB of text about the encoder
X265 = "qp={}:keyint=1:pools=none:frame-threads=1:repeat-headers=1:info=0:log-level=none"


@dataclass(frozen=True)
class HevcIntra:
    """libx265, preset slow, tune psnr, constant quantiser: the qualities are qp, large first."""

    name: str = "hevc"
    title: str = "HEVC intra"
    qualities: tuple[int, ...] = (51, 48, 45, 42, 39, 36, 33, 30, 27, 24)
    settings: str = "libx265 preset slow, tune psnr, YCbCr 4:4:4, 8 bit; the quality is qp; Annex B stream"

    encoder: str = "libx265"
    by_name: bool = False

    @property
    def version(self) -> str:
        return pyav_version()

    @property
    def command(self) -> str:
        x265 = X265.format("Q")
        return f"ffmpeg -i PICTURE -pix_fmt yuvj444p -c:v libx265 -preset slow -tune psnr -x265-params {x265} OUT.hevc"

    def missing(self) -> str | None:
        """Why it cannot be used here; None when it can."""
        return missing("HEVC", "libx265", "hevc")

    def encode(self, rgb: np.ndarray, quality: int) -> bytes:
        import av

        height, width = rgb.shape[:2]
        pad = ((0, max(0, MIN_SIDE - height)), (0, max(0, MIN_SIDE - width)), (0, 0))
        ycbcr = np.asarray(Image.fromarray(np.pad(rgb, pad, mode="edge")).convert("YCbCr"))
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(ycbcr.transpose(2, 0, 1)), format="yuv444p")
        encoder = av.CodecContext.create("libx265", "w")
        assert isinstance(encoder, av.VideoCodecContext)
        encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuv444p"
        encoder.time_base = Fraction(1, 1)
        encoder.options = {"preset": "slow", "tune": "psnr", "x265-params": X265.format(quality)}
        packets = [*encoder.encode(frame), *encoder.encode(None)]
        return SIZE.pack(width, height) + b"".join(bytes(packet) for packet in packets)

    def decode(self, data: bytes) -> np.ndarray:
        import av

        width, height = SIZE.unpack_from(data)
        decoder = av.CodecContext.create("hevc", "r")
        assert isinstance(decoder, av.VideoCodecContext)
        (frame,) = [*decoder.decode(av.Packet(data[SIZE.size :])), *decoder.decode(None)]
        ycbcr = np.ascontiguousarray(frame.to_ndarray().transpose(1, 2, 0))
        rgb = np.asarray(Image.frombytes("YCbCr", (frame.width, frame.height), ycbcr.tobytes()).convert("RGB"))
        return rgb[:height, :width]
