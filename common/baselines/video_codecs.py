"""H.264, H.265 and AV1 through PyAV; AV1 by libaom and VVC through the ffmpeg of the extra `anchors`.

With the command lines of the published protocols, where they have one.
"""

import os
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import av
from av.bitstream import BitStreamFilterContext

from common import ffmpeg_program
from common.baselines.ffmpeg import missing, missing_decoder, pyav_version
from common.baselines.video_codec import Encoding, Setting, VideoCodec


class PyavCodec(VideoCodec):
    """An encoder in the libraries of PyAV."""

    @property
    def version(self) -> str:
        return pyav_version()

    def missing(self) -> str | None:
        return missing(self.title, self.encoder, self.decoder)

    def write(self, frames: Iterator[av.VideoFrame], task: Encoding) -> None:
        os.environ.setdefault("SVT_LOG", "1")  # libsvtav1 asks the environment how much to print: errors only
        with av.open(str(task.target), "w", format="matroska") as container:
            container.metadata.update(task.tags)
            stream = container.add_stream(self.encoder, rate=task.rate)
            assert isinstance(stream, av.VideoStream)
            stream.height, stream.width = task.height, task.width
            stream.pix_fmt = "yuv420p"
            context = stream.codec_context
            context.gop_size, context.thread_count = task.gop, 1
            context.options = dict(self.options(task.quality, task.gop))
            container.start_encoding()
            strip = BitStreamFilterContext(self.bitstream_filter, stream) if self.bitstream_filter else None

            def write(frame: av.VideoFrame | None) -> None:
                for packet in stream.encode(frame):
                    for kept in strip.filter(packet) if strip else [packet]:
                        kept.stream = stream
                        container.mux(kept)

            for number, frame in enumerate(frames):
                frame.pts, frame.time_base = number, 1 / Fraction(task.rate)
                write(frame)
            write(None)


class ProgramCodec(VideoCodec):
    """An encoder in the ffmpeg of the extra `anchors`; PyAV reads what it wrote."""

    @property
    def version(self) -> str:
        return f"{ffmpeg_program.version()}; decoded with {pyav_version()}"

    def missing(self) -> str | None:
        return ffmpeg_program.lacking(self.title, "encoder", self.encoder) or missing_decoder(self.title, self.decoder)

    def write(self, frames: Iterator[av.VideoFrame], task: Encoding) -> None:
        size = f"{task.width}x{task.height}"
        source = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", size, "-r", str(task.rate), "-i", "pipe:0"]
        flags = self.flags(task.quality, task.gop)
        encoding = [part for flag, value in flags.items() for part in (f"-{flag}", value)]
        known = [part for key, value in task.tags.items() for part in ("-metadata", f"{key}={value}")]
        with ffmpeg_program.Feed([*source, *encoding, *known, "-f", "matroska", str(task.target)]) as feed:
            for frame in frames:
                feed.write(frame.to_ndarray().tobytes())
            feed.finish()


def _low_delay(gop: Setting) -> str:
    """VVenC's parameters for P and B frames that refer to the past alone, an I frame every `gop` frames."""
    if gop == 1:
        return "threads=1:intraperiod=1"
    return f"threads=1:gopsize=8:picreordering=0:intraperiod={gop}:decodingrefreshtype=none:poc0idr=1"


def _same_every_time() -> dict[str, str]:
    """x264 (build 165) with AVX-512 reads memory that nobody wrote, in its macroblock tree: the stream differs from run
    to run, and from that of its code in C. With AVX2 it does not."""
    import torch

    return {"x264-params": "asm=avx2"} if torch.backends.cpu.get_cpu_capability() == "AVX512" else {}


# All that there are: `lic bench` and the reports take them from here.
CODECS: tuple[VideoCodec, ...] = (
    # The text about the encoder, 700 bytes, is an SEI unit: type 6. The encoder cannot be told to leave it out.
    PyavCodec(
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
    PyavCodec(
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
    PyavCodec(
        "av1",
        "AV1 (SVT-AV1)",
        (10, 20, 30, 40),
        "libsvtav1 -preset 8 -crf Q -g GOP -svtav1-params tune=1:scd=0:lp=1 (PSNR, random access), 4:2:0",
        "libsvtav1",
        "av1",
        lambda crf, gop: {"preset": "8", "crf": str(crf), "svtav1-params": "tune=1:scd=0:lp=1"},
        headers_apart=False,
    ),
    ProgramCodec(
        "aom",
        "AV1 (libaom)",
        (20, 30, 40, 50, 60),
        "libaom-av1 -cpu-used 6 -crf Q -b:v 0 -g GOP -keyint_min GOP (one pass, random access), 4:2:0",
        "libaom-av1",
        "libdav1d",
        lambda crf, gop: {"cpu-used": "6", "crf": str(crf), "b:v": "0", "keyint_min": str(gop)},
        headers_apart=False,
        by_name=True,
    ),
    # 8-bit frames become 10-bit ones by a factor of 4, as the encoder takes no others.
    ProgramCodec(
        "vvc",
        "VVC low delay (VVenC)",
        (17, 22, 27, 32, 37),
        "libvvenc -preset medium -qp Q -qpa 0, low delay (GOP of 8, no reordering), intra period GOP, 10 bit, 4:2:0",
        "libvvenc",
        "vvc",
        lambda qp, gop: {
            "pix_fmt": "yuv420p10le",
            "preset": "medium",
            "qp": str(qp),
            "qpa": "0",
            "vvenc-params": _low_delay(gop),
        },
        by_name=True,
    ),
)


class Available(NamedTuple):
    """Video codecs by name that work here, and for those that do not, a sentence why."""

    codecs: dict[str, VideoCodec]
    missing: dict[str, str]


def available() -> Available:
    """Which of the classical video codecs this installation can run."""
    reasons = {codec.name: codec.missing() for codec in CODECS}
    works = {codec.name: codec for codec in CODECS if reasons[codec.name] is None}
    return Available(works, {name: reason for name, reason in reasons.items() if reason})
