"""Reading clips, a frame at a time: uint8 RGB (H, W, 3), never a whole clip in memory.

What a file says of how its frames are to be shown is either done or said: matrix and range of its colours (see
``clip_display``), turning and mirroring are done; pixels that are not square, fields of interlaced video, brightness
beyond that of a usual screen (HDR) and a variable rate are left as they are. ``Clip.notes`` has a sentence on each.
"""

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter
from numpy.typing import NDArray

from common.data.clip_decoding import RATE, decoded
from common.data.clip_display import (
    CONVERSIONS,
    FLAGGED,
    Turn,
    bits_of,
    conversion_of,
    is_full_range,
    is_rgb,
    to_rgb,
    turn_of,
)
from common.data.clip_timing import variable_rate
from common.data.folders import as_path, pictures_of
from common.data.image_io import missing, read_picture
from common.data.raw_clips import RAW, raw_frames
from common.errors import LicError

_HDR = {16: "PQ", 18: "HLG"}  # AVColorTransferCharacteristic
_MATRIX_NAMES = {"ffmpeg_default": "BT.601", "bt709": "BT.709", "bt2020": "BT.2020"}


class VideoInfo(NamedTuple):
    """``rate``: frames per second. ``frames``: as the file claims, or None. ``conversion``: None of an RGB source."""

    width: int
    height: int
    rate: Fraction
    frames: int | None
    conversion: str | None


class Clip:
    """The frames of a clip, uint8 (H, W, 3), from the start each time it is iterated.

    ``info`` says what is in it; ``notes`` has a sentence on whatever was decided, converted or left as it is;
    ``read_as`` is what decides on its frames beside its bytes, "" of plain video; ``damage``, of ``ignore_damage``,
    has a sentence on each place that the last iteration found damaged.

    Args:
        path: what FFmpeg opens (mp4, mkv, avi, y4m, ...); raw frames, .yuv or .rgb (see ``raw_clips``); or a folder of
            pictures, which are taken in natural order of their names.
        size: (width, height) of raw frames.
        conversion: one of ``CONVERSIONS``, or ``FLAGGED``; see ``clip_display``.
        rate: frames per second, in place of what the file says, or of 25 where it cannot say.
        pixels: FFmpeg's name of the pixel format of raw frames, in place of what the name says.
        ignore_damage: go on behind damage with what FFmpeg makes of it, and note it in ``damage``.

    Raises ``LicError``, here or from an iteration that reaches the place, for what is missing, no video, raw and of
    another size or format, or damaged, as far as ``clip_decoding`` can notice.
    """

    def __init__(
        self,
        path: str | Path,
        size: Sequence[int] | None = None,
        conversion: str = "ffmpeg_default",
        rate: Fraction | float | None = None,
        pixels: str | None = None,
        ignore_damage: bool = False,
    ) -> None:
        self.path = path = as_path(path)
        if conversion not in (*CONVERSIONS, FLAGGED):
            raise LicError(
                f"there is no conversion '{conversion}'; choose one of {', '.join((*CONVERSIONS, FLAGGED))}."
            )
        given = None if rate is None else exact_rate(rate)
        if not path.exists():
            raise LicError(f"{missing(path)}; check the path.")
        raw = path.suffix.lower() in RAW and path.is_file()
        for what, value in (("size", size), ("format", pixels)):
            if value is not None and not raw:
                raise LicError(
                    f"{path} says its {what} itself; give a {what} for raw frames ({' or '.join(RAW)}) only."
                )
        self._ignore_damage = ignore_damage
        self._turn: Turn = Turn()
        self._raw: dict[str, str] | None = None
        self.notes: tuple[str, ...] = ()
        self.read_as = ""
        self.damage: list[str] = []
        self._pictures = pictures_of(path) if path.is_dir() else None
        if self._pictures is not None:
            if not self._pictures:
                raise LicError(f"{path} holds no pictures; give a folder of frames, or a video.")
            height, width, _ = read_picture(self._pictures[0]).rgb.shape
            self.stored = (width, height)
            self.info = VideoInfo(width, height, given or RATE, len(self._pictures), None)
            self.notes = tuple(_gaps(path, self._pictures))
            return
        count = None
        if raw:
            if size is None:
                raise LicError(f"{path} holds raw frames, whose size no file says; give it as (width, height).")
            named = raw_frames(path, (size[0], size[1]), pixels, ignore_damage)
            count, self.notes = named.frames, named.notes
            self.read_as = "" if named.pixels == RAW[path.suffix.lower()] else named.pixels
            self._raw = {"video_size": f"{size[0]}x{size[1]}", "pixel_format": named.pixels, "framerate": str(RATE)}
        try:
            self._look(conversion, given, count)
        except (av.FFmpegError, IndexError) as error:
            reason = error.strerror if isinstance(error, av.FFmpegError) else "no video stream"
            raise LicError(f"{path} is not a video that FFmpeg can open ({reason}); check the file.") from error

    def _look(self, conversion: str, given: Fraction | None, count: int | None) -> None:
        """Fills in ``info`` and ``notes`` by what the file says and by its first frame."""
        path = self.path
        with self._opened() as container:
            stream = container.streams.video[0]
            known = stream.codec_context
            if not known.pix_fmt or known.width < 1 or known.height < 1:
                raise LicError(f"{path} holds no video that can be decoded; check that it is a video.")
            self.stored = (known.width, known.height)
            if bits_of(VideoFormat(known.pix_fmt)) > 16:
                raise LicError(f"{path} has {known.pix_fmt} samples, which lic does not read; convert it first.")
            if container.format.name == "yuv4mpegpipe":
                count = stream.duration  # in frames
            frames = count if self._raw else stream.frames or count
            rate, notes = given or Fraction(stream.average_rate or stream.guessed_rate or RATE), list(self.notes)
            square = stream.sample_aspect_ratio
            first = next(decoded(container, stream, self._damaged))
            self.damage.clear()
        turn = turn_of(first)
        name = None if is_rgb(first.format) else conversion
        if name == FLAGGED:
            name = conversion_of(first.colorspace)
            if name is None:
                raise LicError(
                    f"{path} has colours by a matrix that lic does not convert (AVColorSpace {first.colorspace}); "
                    f"convert it first, or say --conversion {' or '.join(CONVERSIONS)}."
                )
        if given is None and not self._raw and (variable := variable_rate(path)):
            rate = variable.rate
            notes.append(
                f"{path} shows its frames at a variable rate, {float(variable.shortest):.3g} to "
                f"{float(variable.longest):.3g} seconds apart; it is taken at their mean, {float(rate):.4g} a second "
                "(--rate sets another), and when each is shown is not kept."
            )
        self._turn = turn or Turn()
        if name is not None and first.color_range == ColorRange.JPEG and not first.format.name.startswith("yuvj"):
            self.read_as += " full range"
        if self._turn != Turn():
            self.read_as += f" {self._turn}"
        width, height = reversed(self.stored) if self._turn.transposed else self.stored
        self.info = VideoInfo(width, height, rate, frames, name)
        notes += _display_notes(path, first, name, conversion, turn)
        if square is not None and square not in (0, 1):
            notes.append(
                f"{path} has pixels that are not square ({square.numerator}:{square.denominator}); its frames are "
                f"taken as they are stored, {width}x{height}, and players will show what is decoded narrower or wider."
            )
        self.notes = tuple(notes)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return self._of_video() if self._pictures is None else self._read(self._pictures)

    def check(self) -> None:
        """Decodes every frame, so that damage is found before work begins; raw frames were checked already.

        Raises ``LicError`` as an iteration does.
        """
        if self._pictures is not None:
            for _ in self:
                pass
        elif self._raw is None:
            for _ in self._frames():
                pass

    def _read(self, pictures: list[Path]) -> Iterator[NDArray[np.uint8]]:
        for picture in pictures:
            rgb = read_picture(picture).rgb
            self._check_size(rgb.shape[1], rgb.shape[0], str(picture))
            yield rgb

    def _of_video(self) -> Iterator[NDArray[np.uint8]]:
        reformatter = VideoReformatter()
        for frame in self._frames():
            yield self._turn(to_rgb(frame, reformatter, self.info.conversion))

    def _frames(self) -> Iterator[VideoFrame]:
        self.damage.clear()
        n = 0
        with self._opened() as container:
            for frame in decoded(container, container.streams.video[0], self._damaged):
                self._check_size(frame.width, frame.height, f"frame {n} (from 0) of {self.path}")
                yield frame
                n += 1
        if n == 0:
            raise LicError(f"{self.path} is damaged: no frame of it can be decoded.")

    def _damaged(self, n: int, reason: str) -> None:
        if not self._ignore_damage:
            raise LicError(
                f"{self.path} is damaged: frame {n} (from 0) {reason}; fetch it again, or take what FFmpeg makes of it "
                "(lic compress --ignore-damage)."
            )
        self.damage.append(f"frame {n} (from 0) {reason}")

    def _check_size(self, width: int, height: int, what: str) -> None:
        if (width, height) != self.stored:
            raise LicError(
                f"{what} has {width}x{height} pixels and those before it {self.stored[0]}x{self.stored[1]}; "
                "all frames of a clip must have one size."
            )

    def _opened(self) -> InputContainer:
        name = f"file:{self.path}"  # so that no path is taken for an address
        return av.open(name) if self._raw is None else av.open(name, format="rawvideo", options=self._raw)


def _gaps(path: Path, pictures: list[Path]) -> Iterator[str]:
    """A sentence where the last numbers in the names of ``pictures`` do not follow each other at one distance."""
    found = [re.fullmatch(r"(.*?)(\d+)\D*", picture.stem) for picture in pictures]
    numbers = [int(match[2]) for match in found if match]
    steps = [later - earlier for earlier, later in pairwise(numbers)]
    if len(numbers) == len(pictures) and len({match[1] for match in found if match}) == 1 and len(set(steps)) > 1:
        at = next(n for n, step in enumerate(steps) if step != min(steps))
        yield (
            f"{path} seems to lack frames: {pictures[at + 1].name} follows {pictures[at].name}; "
            f"its {len(pictures)} pictures are taken as successive frames."
        )


def _display_notes(
    path: Path, frame: VideoFrame, name: str | None, conversion: str, turn: Turn | None
) -> Iterator[str]:
    """A sentence on everything in how ``frame`` is to be shown that is not plain 8-bit video, upright."""
    bits = bits_of(frame.format)
    if bits > 8:
        yield f"{path} has {bits} bits a channel; they were rounded to 8, which is what lic codes."
    if name is not None:
        if is_full_range(frame):
            yield f"{path} has colours in full range, 0 to {2**bits - 1}, and was read so."
        flagged = conversion_of(frame.colorspace)
        if frame.colorspace != 2 and flagged != name:
            said = _MATRIX_NAMES.get(flagged or "", flagged or f"AVColorSpace {frame.colorspace}")
            yield f"{path} says that its matrix is {said}; it was read by {_MATRIX_NAMES[name]}, as {conversion} says."
        elif conversion == FLAGGED and name != "ffmpeg_default":
            yield f"{path} was read by the matrix that it says, {_MATRIX_NAMES.get(name, name)}."
    if turn is None:
        yield f"{path} asks to be turned by an angle that is no quarter turn; it was left as it is."
    elif turn != Turn():
        yield f"{path} was {turn}, as it says."
    if frame.interlaced_frame:
        yield f"{path} is interlaced; the two fields of a frame are taken as one picture; better deinterlace it first."
    if frame.color_trc in _HDR:
        yield f"{path} is HDR ({_HDR[frame.color_trc]}); its levels are taken as they are, without tone mapping."
    if any(part.is_alpha for part in frame.format.components):
        yield f"{path} has an alpha channel; it was dropped."


def exact_rate(rate: Fraction | float) -> Fraction:
    """Frames per second as a fraction: 29.97 becomes 30000/1001. Raises ``LicError`` where it is not positive."""
    if not 0 < rate < 100_000:
        raise LicError(f"the rate is {rate} frames per second; it must be positive, such as 25 or 30000/1001.")
    for per_1001 in (24000, 30000, 60000, 120000):
        if not isinstance(rate, Fraction) and abs(rate - per_1001 / 1001) < 0.005:
            return Fraction(per_1001, 1001)
    return Fraction(rate).limit_denominator(1001)
