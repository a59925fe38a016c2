"""Writing clips a frame at a time: lossless video, a folder of pictures, or y4m."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from common.data.folders import as_path
from common.data.image_io import write_picture
from common.data.video_files import exact_rate
from common.errors import LicError
from common.io import written_whole

_FFV1 = {"level": "3", "g": "1", "slicecrc": "1"}  # each frame by itself, with checksums
_SMALL = 8  # below, version 1 of FFV1: FFmpeg 7 does not code version 3 without loss where a side is 1, 2 or 3


def write_clip(
    path: str | Path, frames: Iterable[NDArray[np.uint8]], rate: Fraction | float, first_number: int = 0
) -> int:
    """Writes ``frames``, uint8 RGB (H, W, 3) of one size, ``rate`` a second; returns how many there were.

    .mkv        FFV1, RGB, bit for bit
    .y4m        8-bit 4:4:4, BT.601, Y in 16 .. 235. Not lossless: RGB comes back within a few levels.
    no suffix   a folder of PNG files, 000000.png and so on, bit for bit; it must be new or empty. Numbers begin with
                ``first_number``

    A file is written whole or not at all; a folder keeps the frames that came before an error. Raises ``LicError`` for
    another suffix, for no frames, and for what the file system refuses.
    """
    path, rate = as_path(path), exact_rate(rate)
    suffix = path.suffix.lower()
    if suffix not in (".mkv", ".y4m", "") or path.name.startswith("."):
        raise LicError(
            f"{path} cannot be written as '{path.suffix or path.name}'; choose .mkv (FFV1, lossless), a name without "
            "suffix (a folder of PNG files), or .y4m (4:4:4, not lossless)."
        )
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise LicError(f"{path} was not written: there are no frames.")
    alike = _of_one_size(first, frames)
    if suffix == "":
        return _write_folder(path, alike, first_number)
    with written_whole(path) as beside:
        if suffix == ".mkv":
            options = _FFV1 if min(first.shape[:2]) >= _SMALL else {"level": "1", "g": "1"}
            return _encode(beside, alike, rate, "matroska", "ffv1", "bgr0", options)
        return _encode(beside, alike, rate, "yuv4mpegpipe", "wrapped_avframe", "yuv444p", {})


def _write_folder(path: Path, frames: Iterator[NDArray[np.uint8]], first_number: int) -> int:
    try:
        path.mkdir(exist_ok=True)
        if any(path.iterdir()):
            raise LicError(f"{path} is not empty, and frames would mix with what it holds; name another folder.")
    except OSError as error:
        raise LicError(f"{path} cannot be made a folder: {error.strerror}; choose another name.") from error
    n = 0
    for rgb in frames:
        write_picture(path / f"{first_number + n:06d}.png", rgb)
        n += 1
    return n


def _encode(
    file: Path,
    frames: Iterator[NDArray[np.uint8]],
    rate: Fraction,
    container_format: str,
    encoder: str,
    pixels: str,
    options: dict[str, str],
) -> int:
    first = next(frames)
    n = 0
    try:
        with av.open(f"file:{file}", "w", format=container_format, options={"fflags": "+bitexact"}) as container:
            stream = container.add_stream(encoder, rate=rate, options=options)
            assert isinstance(stream, VideoStream)
            stream.height, stream.width = first.shape[:2]
            stream.pix_fmt = pixels
            for rgb in chain([first], frames):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
                frame.pts, frame.time_base = n, 1 / rate
                container.mux(stream.encode(frame))
                n += 1
            container.mux(stream.encode(None))
    except av.FFmpegError as error:
        raise LicError(f"{file} cannot be written: {error.strerror}.") from error
    return n


def _of_one_size(first: NDArray[np.uint8], others: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    if first.dtype != np.uint8 or first.ndim != 3 or first.shape[2] != 3:
        raise ValueError(f"expected frames of uint8 (H, W, 3), got {first.dtype} {first.shape}")
    yield first
    for rgb in others:
        if rgb.dtype != np.uint8 or rgb.shape != first.shape:
            raise ValueError(f"expected frames of uint8 {first.shape} as the first, got {rgb.dtype} {rgb.shape}")
        yield rgb
