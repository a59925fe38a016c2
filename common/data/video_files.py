"""Reading clips, a frame at a time: uint8 RGB (H, W, 3), never a whole clip in memory.

Frames of YUV become RGB by one of two named conversions, whatever matrix the file says it was made with, so that a
name in a result says what was compared:

    ffmpeg_default   BT.601, as `ffmpeg -i clip.yuv -f rawvideo -pix_fmt rgb24` of a raw file, bit for bit
    bt709            BT.709

Both take Y in 16 .. 235 and U, V in 16 .. 240, but for the formats that are full range by name (yuvj420p, of MJPEG and
some telephones). Both are swscale's, fast and rounded: within 3 levels of the exact matrix. It repeats each chroma
sample of 4:2:0 where the height is even, and interpolates where it is odd. The test code of DCVC-DC and DCVC-FM takes
the matrix of BT.709 too, but at full range and with chroma interpolated, so its levels differ from both.

What players do beside that is not done: turning by a display matrix, stretching pixels that are not square.
Transparency is dropped.
"""

import contextlib
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from common.data.folders import pictures_of
from common.data.pictures import read_picture
from common.errors import LicError

CONVERSIONS = ("ffmpeg_default", "bt709")
RAW = {".yuv": "yuv420p", ".rgb": "rgb24"}  # suffix -> what it holds
_RATE = Fraction(25)  # where neither file nor caller says
_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED


class VideoInfo(NamedTuple):
    """``rate``: frames per second. ``frames``: as the file claims, or None. ``conversion``: None of an RGB source."""

    width: int
    height: int
    rate: Fraction
    frames: int | None
    conversion: str | None


class Clip:
    """The frames of a clip, uint8 (H, W, 3), from the start each time it is iterated; ``info`` says what is in it.

    Args:
        path: what FFmpeg opens (mp4, mkv, avi, y4m, ...); raw frames, .yuv (8 bits, 4:2:0, planar) or .rgb (8 bits,
            interleaved); or a folder of pictures, which are taken in natural order of their names.
        size: (width, height) of raw frames.
        conversion: one of ``CONVERSIONS``.
        rate: frames per second, in place of what the file says, or of 25 where it cannot say.

    Raises ``LicError``, here or from an iteration that reaches the place, for what is missing, no video, raw and of
    another size, of more than 8 bits, or damaged. Damage is what FFmpeg reports and a file that ends too early; what a
    decoder conceals without a word, as many do with a flipped bit, is not seen.
    """

    def __init__(
        self,
        path: str | Path,
        size: Sequence[int] | None = None,
        conversion: str = "ffmpeg_default",
        rate: Fraction | float | None = None,
    ) -> None:
        self.path = path = Path(path)
        if conversion not in CONVERSIONS:
            raise LicError(f"there is no conversion '{conversion}'; choose one of {', '.join(CONVERSIONS)}.")
        given = None if rate is None else exact_rate(rate)
        if not path.exists():
            raise LicError(f"{path} does not exist; check the path.")
        suffix = path.suffix.lower()
        raw = suffix in RAW and path.is_file()
        if size is not None and not raw:
            raise LicError(f"{path} says its size itself; give a size for raw frames ({' or '.join(RAW)}) only.")
        self._pictures = pictures_of(path) if path.is_dir() else None
        self._raw: dict[str, str] | None = None
        if self._pictures is not None:
            if not self._pictures:
                raise LicError(f"{path} holds no pictures; give a folder of frames, or a video.")
            height, width, _ = read_picture(self._pictures[0]).rgb.shape
            self.info = VideoInfo(width, height, given or _RATE, len(self._pictures), None)
            return
        count = None
        if raw:
            width, height, count = _raw_frames(path, size)
            self._raw = {"video_size": f"{width}x{height}", "pixel_format": RAW[suffix], "framerate": str(_RATE)}
        try:
            with self._opened() as container:
                stream = container.streams.video[0]
                known = stream.codec_context
                if not known.pix_fmt or known.width < 1 or known.height < 1:
                    raise LicError(f"{path} holds no video that can be decoded; check that it is a video.")
                kind = VideoFormat(known.pix_fmt)
                _check_bits(path, kind)
                of_file = stream.average_rate or stream.guessed_rate or _RATE
                if container.format.name == "yuv4mpegpipe":
                    count = stream.duration  # in frames
                frames = count if raw else stream.frames or count
                named = None if _is_rgb(kind) else conversion
                self.info = VideoInfo(known.width, known.height, given or Fraction(of_file), frames, named)
        except (av.FFmpegError, IndexError) as error:
            reason = error.strerror if isinstance(error, av.FFmpegError) else "no video stream"
            raise LicError(f"{path} is not a video that FFmpeg can open ({reason}); check the file.") from error

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return self._decoded() if self._pictures is None else self._read(self._pictures)

    def _read(self, pictures: list[Path]) -> Iterator[NDArray[np.uint8]]:
        for picture in pictures:
            rgb = read_picture(picture).rgb
            self._check_size(rgb.shape[1], rgb.shape[0], str(picture))
            yield rgb

    def _decoded(self) -> Iterator[NDArray[np.uint8]]:
        n, reformatter = 0, VideoReformatter()
        try:
            with self._opened() as container:
                stream = container.streams.video[0]
                end = _End(container, stream)
                for packet in container.demux(stream):
                    end.passed(packet)
                    for frame in packet.decode():
                        if packet.is_corrupt or frame.is_corrupt:
                            raise LicError(f"{self.path} is damaged: frame {n} (from 0) is not what was coded.")
                        self._check_size(frame.width, frame.height, f"frame {n} (from 0) of {self.path}")
                        yield to_rgb(frame, reformatter, self.info.conversion)
                        n += 1
                cut = end.missed()
        except av.FFmpegError as error:
            raise LicError(f"{self.path} is damaged: frame {n} (from 0) cannot be read ({error.strerror}).") from error
        if cut or n == 0:
            raise LicError(f"{self.path} is damaged or cut short: it ends before frame {n} (from 0) is whole.")

    def _check_size(self, width: int, height: int, what: str) -> None:
        if (width, height) != self.info[:2]:
            raise LicError(
                f"{what} has {width}x{height} pixels and those before it {self.info.width}x{self.info.height}; "
                "all frames of a clip must have one size."
            )

    @contextlib.contextmanager
    def _opened(self) -> Iterator[InputContainer]:
        name = f"file:{self.path}"  # so that no path is taken for an address
        if self._raw is not None:
            with av.open(name, format="rawvideo", options=self._raw) as container:
                yield container
        else:
            with av.open(name) as container:
                yield container


class _End:
    """Whether a file ends where it says, which FFmpeg does not check of all kinds."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self._expected = self._reached = Fraction(0)  # seconds
        self._tolerance = 3 / (2 * (stream.average_rate or _RATE))
        self._bytes: int | None = container.size if container.format.name == "yuv4mpegpipe" else None
        self._bytes_reached = 0
        if stream.frames and stream.duration:  # mp4, avi; what has no frame count has its duration estimated
            self._expected = ((stream.start_time or 0) + stream.duration) * _known(stream.time_base)
        elif re.fullmatch(r"\d+:\d\d:\d\d\.\d+", stream.metadata.get("DURATION", "")):  # Matroska, of most writers
            hours, minutes, seconds = stream.metadata["DURATION"].split(":")
            self._expected = 60 * (60 * int(hours) + int(minutes)) + Fraction(seconds)

    def passed(self, packet: Packet) -> None:
        at = packet.dts if packet.pts is None else packet.pts
        if at is not None:
            self._reached = max(self._reached, (at + (packet.duration or 0)) * _known(packet.time_base))
        if packet.pos is not None:
            self._bytes_reached = packet.pos + packet.size

    def missed(self) -> bool:
        short = self._reached + self._tolerance < self._expected
        return short or (self._bytes is not None and self._bytes_reached != self._bytes)


def _known(time_base: Fraction | None) -> Fraction:
    assert time_base is not None  # of what a demuxer has opened
    return time_base


def exact_rate(rate: Fraction | float) -> Fraction:
    """Frames per second as a fraction: 29.97 becomes 30000/1001. Raises ``LicError`` where it is not positive."""
    if not 0 < rate < 100_000:
        raise LicError(f"the rate is {rate} frames per second; it must be positive, such as 25 or 30000/1001.")
    for per_1001 in (24000, 30000, 60000, 120000):
        if not isinstance(rate, Fraction) and abs(rate - per_1001 / 1001) < 0.005:
            return Fraction(per_1001, 1001)
    return Fraction(rate).limit_denominator(1001)


def _raw_frames(path: Path, size: Sequence[int] | None) -> tuple[int, int, int]:
    """Width and height of raw frames, and how many there are."""
    if size is None:
        raise LicError(f"{path} holds raw frames, whose size no file says; give it as (width, height).")
    width, height = size
    if width < 1 or height < 1:
        raise LicError(
            f"{path} cannot hold frames of {width}x{height} pixels; give a width and a height of at least 1."
        )
    chroma = ((width + 1) // 2) * ((height + 1) // 2)
    one = width * height + 2 * chroma if path.suffix.lower() == ".yuv" else 3 * width * height
    held = path.stat().st_size
    if held == 0 or held % one:
        raise LicError(
            f"{path} holds {held} bytes, which are not whole frames of {width}x{height} pixels ({one} bytes each); "
            "check the size, or fetch the file again."
        )
    return width, height, held // one


def _is_rgb(kind: VideoFormat) -> bool:
    return kind.is_rgb or kind.has_palette


def _check_bits(path: Path, kind: VideoFormat) -> None:
    bits = max(component.bits for component in kind.components)
    if bits > 8:
        raise LicError(
            f"{path} has {bits} bits a channel and lic codes 8; convert it first, "
            f"for example with 'ffmpeg -i {path.name} -pix_fmt yuv420p -c:v ffv1 out.mkv'."
        )


def to_rgb(frame: VideoFrame, reformatter: VideoReformatter, conversion: str | None) -> NDArray[np.uint8]:
    """``frame`` as uint8 (H, W, 3). As FFmpeg's program, which asks swscale for bicubic interpolation."""
    if conversion == "bt709":
        rgb = reformatter.reformat(
            frame,
            format="rgb24",
            src_colorspace=Colorspace.ITU709,
            dst_colorspace=Colorspace.ITU601,  # says nothing of RGB, but where it is the same PyAV leaves all of it out
            src_color_range="JPEG" if frame.format.name.startswith("yuvj") else "MPEG",
            dst_color_range="JPEG",
            interpolation="BICUBIC",
        )
    else:
        if conversion is not None:
            frame.colorspace, frame.color_range = _UNSPECIFIED, 0
        rgb = reformatter.reformat(frame, format="rgb24", interpolation="BICUBIC")
    return np.asarray(rgb.to_ndarray(), np.uint8)
