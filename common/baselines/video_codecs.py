"""H.264, H.265 and AV1 through PyAV, with the command lines of the published protocols.

A file is Matroska with one elementary stream, so that any player shows it. Sides are padded by their last pixels to
even ones, as 4:2:0 needs; the picture's own size and the conversion of its colours stand in the file's tags. Every
encoder has one thread, so that the same frames give the same stream, and none writes text about itself into it.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from common.baselines.ffmpeg import missing, pyav_version
from common.baselines.hevc import MIN_SIDE
from common.data.clip_display import to_rgb
from common.data.yuv import to_yuv420
from common.errors import LicError


@dataclass(frozen=True)
class VideoCodec:
    """An encoder of ffmpeg and how it is called.

    Attributes:
        name: short, as in `--codecs`.
        title: for tables and figures.
        qualities: its CRFs, from many bits to few.
        settings: in words, for the results file; Q stands for the quality, GOP for the frames from one intra frame to
            the next.
        encoder, decoder: ffmpeg's names.
        options: the encoder's, by (quality, gop).
        bitstream_filter: what is taken out of the stream, as ffmpeg's `-bsf`.
        headers_apart: whether parameter sets are kept beside the packets, not in them.
    """

    name: str
    title: str
    qualities: tuple[int, ...]
    settings: str
    encoder: str
    decoder: str
    options: Callable[[int, int], Mapping[str, str]]
    bitstream_filter: str | None = None
    headers_apart: bool = True

    @property
    def version(self) -> str:
        return pyav_version()

    def encode(
        self,
        frames: Iterable[NDArray[np.uint8]],
        rate: Fraction,
        quality: int,
        gop: int,
        target: Path,
        conversion: str = "ffmpeg_default",
    ) -> None:
        """Write `frames`, uint8 RGB (H, W, 3) of one size, `rate` a second, to the Matroska file `target`.

        A frame is asked for when the encoder has taken the last one: nothing holds the clip, but the encoder its
        look-ahead (libx264: 40 frames and more).

        Raises:
            LicError: there are no frames.
            av.error.FFmpegError: the encoder or the disk refuses.
        """
        frames = iter(frames)
        first = next(frames, None)
        if first is None:
            raise LicError("There are no frames to encode.")
        os.environ.setdefault("SVT_LOG", "1")  # libsvtav1 asks the environment how much to print: errors only
        height, width = first.shape[:2]
        with av.open(str(target), "w", format="matroska") as container:
            container.metadata.update({"PICTURE_SIZE": f"{width}x{height}", "CONVERSION": conversion})
            stream = container.add_stream(self.encoder, rate=rate)
            assert isinstance(stream, av.VideoStream)
            padded = _padded(first)
            stream.height, stream.width = padded.shape[:2]
            stream.pix_fmt = "yuv420p"
            context = stream.codec_context
            context.gop_size, context.thread_count = gop, 1
            context.options = dict(self.options(quality, gop))
            container.start_encoding()
            strip = BitStreamFilterContext(self.bitstream_filter, stream) if self.bitstream_filter else None

            def write(frame: av.VideoFrame | None) -> None:
                for packet in stream.encode(frame):
                    for kept in strip.filter(packet) if strip else [packet]:
                        kept.stream = stream
                        container.mux(kept)

            for number, rgb in enumerate(chain([first], frames)):
                frame = to_yuv420(_padded(rgb), conversion)
                frame.pts, frame.time_base = number, 1 / Fraction(rate)
                write(frame)
            write(None)

    def decode(self, path: Path) -> Iterator[NDArray[np.uint8]]:
        """The frames of a file that `encode` wrote, uint8 RGB (H, W, 3), in display order."""
        with av.open(str(path)) as container:
            width, height = map(int, container.metadata["PICTURE_SIZE"].split("x"))
            conversion, reformatter = container.metadata["CONVERSION"], VideoReformatter()
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            for frame in container.decode(stream):
                yield to_rgb(frame, reformatter, conversion)[:height, :width]

    def frame_bits(self, path: Path) -> list[int]:
        """Bits of each frame's packet in a file that `encode` wrote, in display order.

        Their sum is that of the elementary stream, without the container: parameter sets that the container keeps
        apart count with the first frame. A packet of AV1 has the hidden frames before its own with it.
        """
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            sizes = {packet.pts: packet.size for packet in container.demux(stream) if packet.size}
            bits = [8 * sizes[pts] for pts in sorted(sizes)]
            if self.headers_apart:
                bits[0] += 8 * len(stream.codec_context.extradata or b"")
        return bits


def _padded(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Sides made even, and as long as the encoders want them, by repeating the last pixels."""
    pad = [(0, max(MIN_SIDE, side + side % 2) - side) for side in rgb.shape[:2]]
    return np.pad(rgb, [*pad, (0, 0)], mode="edge") if np.any(pad) else rgb


def _same_every_time() -> dict[str, str]:
    """x264 (build 165) with AVX-512 reads memory that nobody wrote, in its macroblock tree: the stream differs from run
    to run, and from that of its code in C. With AVX2 it does not."""
    import torch

    return {"x264-params": "asm=avx2"} if torch.backends.cpu.get_cpu_capability() == "AVX512" else {}


# All that there are: `lic bench` and the reports take them from here.
CODECS = (
    # The text about the encoder, 700 bytes, is an SEI unit: type 6. The encoder cannot be told to leave it out.
    VideoCodec(
        "x264",
        "H.264 (x264)",
        (15, 19, 23, 27),
        "libx264 -crf Q -g GOP -bf 2 -b_strategy 0 -sc_threshold 0 (preset medium); added: 4:2:0, one thread, no SEI",
        "libx264",
        "h264",
        lambda crf, gop: {"crf": str(crf), "bf": "2", "b_strategy": "0", "sc_threshold": "0", **_same_every_time()},
        bitstream_filter="filter_units=remove_types=6",
    ),
    # One worker and not none: wavefronts stay on, as the command line has them, and change the stream. Pictures of 64
    # pixels or less in width, one block of 64, can differ by a byte from run to run; wider ones were not seen to.
    VideoCodec(
        "x265",
        "H.265 (x265)",
        (15, 19, 23, 27),
        "libx265 -preset veryfast -tune zerolatency -x265-params crf=Q:keyint=GOP; added: 4:2:0, "
        "min-keyint=GOP:scenecut=0:pools=1:info=0",
        "libx265",
        "hevc",
        lambda crf, gop: {
            "preset": "veryfast",
            "tune": "zerolatency",
            "x265-params": f"crf={crf}:keyint={gop}:min-keyint={gop}:scenecut=0:pools=1:info=0:log-level=none",
        },
    ),
    VideoCodec(
        "av1",
        "AV1 (SVT-AV1)",
        (10, 20, 30, 40),
        "libsvtav1 -preset 8 -crf Q -g GOP -svtav1-params tune=1:scd=0:lp=1 (PSNR, random access), 4:2:0",
        "libsvtav1",
        "av1",
        lambda crf, gop: {"preset": "8", "crf": str(crf), "svtav1-params": "tune=1:scd=0:lp=1"},
        headers_apart=False,
    ),
)


class Available(NamedTuple):
    """Video codecs by name that work here, and for those that do not, a sentence why."""

    codecs: dict[str, VideoCodec]
    missing: dict[str, str]


def available() -> Available:
    """Which of the classical video codecs this installation can run."""
    reasons = {codec.name: missing(codec.title, codec.encoder, codec.decoder) for codec in CODECS}
    works = {codec.name: codec for codec in CODECS if reasons[codec.name] is None}
    return Available(works, {name: reason for name, reason in reasons.items() if reason})
