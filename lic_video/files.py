"""Clip <-> .lic file, a frame at a time on both sides: memory does not grow with length."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import torch
from torch import Tensor

from common.coding.codec_files import CodecFiles, arithmetic, repeatable_convolutions, to_input, to_picture
from common.data.clip_display import FLAGGED
from common.data.video_files import Clip, VideoInfo
from common.data.video_writing import write_clip
from common.entropy.container import MAX_PIXELS, check_pixels
from common.entropy.rules import coding_by, of_clip, rules
from common.entropy.streams import symbol_checksum
from common.entropy.video_container import (
    Damage,
    FramePacket,
    PacketFile,
    VideoHeader,
    read_header,
    read_packets,
)
from common.errors import LicError, StreamError
from common.io import written_whole
from lic_video.codecs.contract import VideoCodec, Written
from lic_video.gop import Gop, InDisplayOrder, Kind, Step


class EncodedFrame(NamedTuple):
    """A frame as it was and as every decoder will have it, uint8 (H, W, 3), the bytes that it took, its reference."""

    place: int
    kind: Kind
    rgb: np.ndarray
    decoded: np.ndarray
    size: int
    reference: Tensor | None  # (1, 3, H', W'), padded; None of an I frame


class References:
    """The decoded frames that others may yet be predicted from: the last I frame in the file, and the last frame."""

    def __init__(self) -> None:
        self._intra: tuple[int, Tensor] | None = None
        self._last: tuple[int, Tensor] | None = None

    def keep(self, index: int, kind: int, x_hat: Tensor) -> None:
        self._last = (index, x_hat)
        if kind == Kind.INTRA:
            self._intra = self._last

    def get(self, index: int) -> Tensor | None:
        """The decoded frame `index`, None if it is not at hand."""
        return next((x for known in (self._last, self._intra) if known for i, x in [known] if i == index), None)


class VideoFiles(CodecFiles):
    """Codes clips with one video codec; arguments as of `CodecFiles`."""

    codec: VideoCodec

    def encode(self, frames: Iterable[np.ndarray], info: VideoInfo, file: BinaryIO) -> Iterator[EncodedFrame]:
        """Write a clip into `file`, which can be sought in; gives its frames in coding order, as they are written."""
        gop = self.codec.gop
        header = VideoHeader(
            self.model,
            self.digest,
            info.width,
            info.height,
            info.rate,
            gop.size,
            gop.structure,
            info.conversion or "",
            frames=0,
            exact=rules().exact,
        )
        packets, references, count = PacketFile(file, header), References(), 0
        for step in gop.order(frames):
            reference = None if step.reference is None else references.get(step.reference)
            written = self._encode_frame(step.frame, reference)
            references.keep(step.place, step.kind, written.x_hat)
            size = packets.write(FramePacket(step.place, step.kind, written.streams))
            decoded = to_picture(written.x_hat, info.height, info.width)
            count += 1
            yield EncodedFrame(step.place, step.kind, step.frame, decoded, size, reference)
        packets.finish(count)

    @torch.inference_mode()
    def _encode_frame(self, rgb: np.ndarray, reference: Tensor | None) -> Written:
        x = to_input(rgb, self.codec.downsampling, self.device)
        with repeatable_convolutions():
            return self.codec.intra_encode(x) if reference is None else self.codec.encode(x, reference)

    def decode(
        self,
        data: bytes | mmap,
        first: int = 0,
        stop: int | None = None,
        max_pixels: int = MAX_PIXELS,
        exact: bool = False,
    ) -> Iterator[tuple[int, np.ndarray | None]]:
        """Frames `first` to before `stop` of a file, in the order of the clip, from the I frame before them on.

        Gives (place, uint8 (H, W, 3)), and None for a frame that is lost: damaged, or predicted from one that is.
        `exact`: pixels in exact arithmetic, the same on every machine, slowly.

        Raises:
            StreamError: the header is not that of a clip of this model, or tells frames of more than `max_pixels`, or
                the clip has no frame `first`.
        """
        header, _ = read_header(data)
        self.check_writer(header.model, header.digest)
        check_pixels(header.width, header.height, max_pixels, "frames")
        if header.frames and first >= header.frames:
            raise StreamError(f"the clip has frames 0 to {header.frames - 1}, not {first}.")
        gop = Gop(header.gop, header.structure)  # type: ignore[arg-type]
        stop = min(stop or 2**32, header.frames or 2**32)
        low = first // gop.size * gop.size
        high = stop if gop.structure == "uni" else -(-stop // gop.size) * gop.size + 1
        behind = 0 if gop.structure == "uni" else gop.size  # an I frame's place before which all frames are final
        order, references = InDisplayOrder[np.ndarray](first), References()
        for packet in read_packets(data):
            if isinstance(packet, Damage) or not low <= packet.place < high:
                continue
            if packet.kind == Kind.INTRA:
                yield from order.skip_to(min(packet.place - behind, stop))
            x_hat = self._decode_frame(packet, references, header, exact)
            if x_hat is not None:
                references.keep(packet.place, packet.kind, x_hat)
                if first <= packet.place < stop:
                    yield from order.add(packet.place, to_picture(x_hat, header.height, header.width))
        yield from order.skip_to(stop if header.frames else order.end)

    @torch.inference_mode()
    def _decode_frame(
        self, packet: FramePacket, references: References, header: VideoHeader, exact: bool
    ) -> Tensor | None:
        """The decoded frame; None if it is damaged, or what it is predicted from is not at hand."""
        step = Step(packet.place, Kind(packet.kind), packet)
        with coding_by(of_clip(header.version, header.exact)), symbol_checksum() as checksum, repeatable_convolutions():
            try:
                if step.reference is None:
                    height, width = (side + -side % self.codec.downsampling for side in (header.height, header.width))
                    with arithmetic(exact):
                        x_hat = self.codec.intra_decode(packet.streams, (height, width))
                else:
                    reference = references.get(step.reference)
                    if reference is None:
                        return None
                    with arithmetic(exact):
                        x_hat = self.codec.decode(packet.streams, reference)
            except StreamError:
                return None
        return x_hat if packet.symbols in (None, checksum.value & 0xFFFF) else None

    def compress_file(
        self,
        source: Path,
        target: Path,
        size: tuple[int, int] | None = None,
        rate: Fraction | None = None,
        conversion: str = FLAGGED,
        format: str | None = None,
        ignore_damage: bool = False,
    ) -> list[str]:
        """Write `target`; returns a sentence on it, and one on whatever in `source` was decided or converted.

        Args:
            size, rate, conversion, ignore_damage: as in `Clip`.
            format: its `pixels`.
        """
        clip = Clip(source, size, conversion, rate, format, ignore_damage)
        with written_whole(target) as beside, beside.open("wb") as file:
            count = sum(1 for _ in self.encode(clip, clip.info, file))
        width, height, rate = clip.info[:3]
        held = target.stat().st_size
        figures = f"{8 * held / (count * width * height):.4f} bpp, {float(held * rate / (125 * count)):.1f} kbit/s"
        damage = [f"{source} is damaged and was coded as FFmpeg conceals it: {place}." for place in clip.damage]
        return [*clip.notes, *damage, f"{target}: {width}x{height}, {count} frames, {held} bytes, {figures}"]

    def decompress_file(
        self,
        source: Path,
        target: Path,
        frames: tuple[int, int | None] = (0, None),
        max_pixels: int = MAX_PIXELS,
        exact: bool = False,
    ) -> list[str]:
        """Write the clip in `source`, or its frames from the first of `frames` to before the second, to `target`.

        See `write_clip` for what that may be. Frames are counted from 0, and numbered in a folder as in the clip.
        `exact` is as in `decode`.

        Raises:
            LicError: frames are lost; all others are in `target`, and in the lost ones' places those before them.
        """
        lost: list[int] = []
        with mapped(source) as data:
            header, _ = read_header(data)
            shown = filled(self.decode(data, *frames, max_pixels, exact), lost)
            count = write_clip(target, shown, header.rate, first_number=frames[0])
            cut = header.frames == 0
        if lost or cut:
            kept = count - len(lost)
            said = f"frames {ranges(lost)} of {source} are lost" if lost else f"{source} ends early"
            raise StreamError(
                f"{said}, because the file is damaged{_or_floats(header)}; "
                f"{target} has the other {kept}, with the frame before in place of a lost one."
            )
        part = "" if frames == (0, None) else f", {ranges(list(range(frames[0], frames[0] + count)))} of the clip"
        return [f"{target}: {header.width}x{header.height}, {count} frames{part}"]


def _or_floats(header: VideoHeader) -> str:
    return "" if header.exact else " or this machine computes differently from the one that wrote it"


def filled(frames: Iterable[tuple[int, np.ndarray | None]], lost: list[int]) -> Iterator[np.ndarray]:
    """The frames, a lost one (noted in `lost`) as the one before it, or as the first that there is."""
    before: np.ndarray | None = None
    waiting = 0
    for index, frame in frames:
        if frame is None:
            lost.append(index)
            waiting += before is None
        else:
            yield from waiting * [frame]
            waiting, before = 0, frame
        if before is not None:
            yield before
    if before is None:
        raise StreamError(
            "no frame of the clip can be decoded: it is damaged, or of an old version that another machine wrote."
        )


def ranges(numbers: list[int]) -> str:
    """`[3, 4, 5, 9]` -> "3-5, 9"."""
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][-1] + 1:
            runs[-1].append(n)
        else:
            runs.append([n])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


@contextmanager
def mapped(path: Path) -> Iterator[bytes | mmap]:
    """The content of a file, of which only what is looked at is read."""
    try:
        with path.open("rb") as file:
            if not path.stat().st_size:  # cannot be mapped
                yield b""
                return
            with mmap(file.fileno(), 0, access=ACCESS_READ) as data:
                yield data
    except OSError as error:
        raise LicError(f"{path} cannot be read: {error.strerror}.") from error
