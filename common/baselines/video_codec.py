"""What all classical video codecs have in common: the file that they leave, its bits, its digest, its frames.

A file is Matroska with one elementary stream, so that any player shows it. Sides are padded by their last pixels to
even ones, as 4:2:0 needs; the picture's own size and the conversion of its colours stand in the file's tags. Every
encoder has one thread, so that the same frames give the same stream, and none writes text about itself into it.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from common.baselines.sides import padded
from common.data.clip_display import bits_of, to_rgb
from common.data.yuv import to_yuv420
from common.errors import LicError

Setting = int | str  # a number, or the letter that stands for it in a command line


class Encoding(NamedTuple):
    """How frames of `width` and `height` are encoded into the file `target`, which gets these `tags`."""

    width: int
    height: int
    rate: Fraction
    quality: int
    gop: int
    target: Path
    tags: Mapping[str, str]


@dataclass(frozen=True)
class VideoCodec(ABC):
    """An encoder of ffmpeg and how it is called.

    Attributes:
        name: short, as in `--codecs`.
        title: for tables and figures.
        qualities: its CRFs or QPs, from many bits to few.
        settings: in words, for the results file; Q stands for the quality, GOP for the frames from one intra frame to
            the next.
        encoder, decoder: ffmpeg's names.
        options: the encoder's, by (quality, gop).
        bitstream_filter: what is taken out of the stream, as ffmpeg's `-bsf`.
        headers_apart: whether parameter sets are kept beside the packets, not in them.
        by_name: whether it is measured only where it is named.
    """

    name: str
    title: str
    qualities: tuple[int, ...]
    settings: str
    encoder: str
    decoder: str
    options: Callable[[Setting, Setting], Mapping[str, str]]
    bitstream_filter: str | None = None
    headers_apart: bool = True
    by_name: bool = False

    @property
    @abstractmethod
    def version(self) -> str:
        """Of the library that encodes; a change of it makes a measured curve out of date."""

    @abstractmethod
    def missing(self) -> str | None:
        """Why it cannot be used here, in a sentence; None when it can."""

    @abstractmethod
    def write(self, frames: Iterator[av.VideoFrame], task: "Encoding") -> None:
        """Encode frames of yuv420p into the Matroska file that `task` names."""

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
            LicError: there are no frames, or the encoder refuses.
            av.error.FFmpegError: the encoder or the disk refuses.
        """
        frames = iter(frames)
        first = next(frames, None)
        if first is None:
            raise LicError("There are no frames to encode.")
        height, width = first.shape[:2]
        tags = {"PICTURE_SIZE": f"{width}x{height}", "CONVERSION": conversion}
        pictures = (to_yuv420(padded(rgb), conversion) for rgb in chain([first], frames))
        padded_height, padded_width, _ = padded(first).shape
        self.write(pictures, Encoding(padded_width, padded_height, rate, quality, gop, target, tags))

    def flags(self, quality: Setting, gop: Setting) -> dict[str, str]:
        """What the ffmpeg program is told of the encoder, by the names of its options."""
        flags = {"c:v": self.encoder, "pix_fmt": "yuv420p", "g": str(gop), "threads": "1"}
        flags |= self.options(quality, gop)
        return flags | ({"bsf:v": self.bitstream_filter} if self.bitstream_filter else {})

    def command(self, gop: int) -> str:
        """The command line that encodes a clip so, with Q for the quality."""
        return " ".join(
            ["ffmpeg -i CLIP", *(f"-{key} {value}" for key, value in self.flags("Q", gop).items()), "OUT.mkv"]
        )

    def decode(self, path: Path) -> Iterator[NDArray[np.uint8]]:
        """The frames of a file that `encode` wrote, uint8 RGB (H, W, 3), in display order."""
        with av.open(str(path)) as container:
            width, height = map(int, container.metadata["PICTURE_SIZE"].split("x"))
            conversion, reformatter = container.metadata["CONVERSION"], VideoReformatter()
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            for frame in container.decode(stream):
                yield to_rgb(_eight_bits(frame), reformatter, conversion)[:height, :width]

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

    def digest(self, path: Path) -> str:
        """SHA-256 of the packets in a file that `encode` wrote: of what is counted, without the container."""
        found = hashlib.sha256()
        with av.open(str(path)) as container:
            for packet in container.demux(video=0):
                found.update(bytes(packet))
        return found.hexdigest()


def _eight_bits(frame: av.VideoFrame) -> av.VideoFrame:
    """The 8 bits that went in: an encoder of 10 bits was given four times their values."""
    if bits_of(frame.format) == 8:
        return frame
    planes = (frame.to_ndarray().astype(np.uint16) + 2) >> 2
    return av.VideoFrame.from_ndarray(planes.clip(0, 255).astype(np.uint8), format="yuv420p")
