"""The `.lic` file of a clip: a header, then packets, one a frame, each with its own checksum. Format version 5.

    header   "LIC" | 5 | "V" | structure and flags | name length, model | digest, 8 | width, height, rate up, rate down,
             GOP size, conversion length, conversion | frames, 4 | CRC-32, 4
    packet   [marker, 4, and the frame's place: only before I frames] | head | lengths | the streams | CRC-16, 2

Numbers without a size are varints (see `container`); others are little-endian. `head` is 4 times the distance from the
last I frame in the file, plus the frame's kind (0: I, 1: predicted from the frame before, 2: from the frame after,
whose distance counts backwards). `lengths` are twice each stream's, plus 1 if another follows. `frames` is written
last, when all have come. The byte of the structure is 0 (uni) or 1 (bi), plus 2 for exact arithmetic. A P packet of
one stream of less than 8 KiB has 4 or 5 bytes beside it.

The CRC-16 covers the packet up to itself. What fails is damaged: reading goes on at the packet behind it if that is
whole, else at the next marker that begins a whole packet. Frames are written in coding order. The stream that a frame's
entropy models share is a short one (`rans.encode`), which has a checksum of its symbols in it; those that an image
codec writes by itself are whole. Six bytes less than a whole stream and a checksum beside it are 1 % of a frame of
176x144 pixels at 0.2 bpp.

Version 4, which is read, too, differs in what `common.entropy.rules` says, and knows no exact arithmetic.

Versions 2 and 3, which are read, too, have that checksum (2 bytes before the CRC-16), tell the number of streams
before their lengths, and hold whole streams, those of an intra codec apart. In version 2, so were those of an image
codec as residual codec, where `swift` now writes into the common one. Attention within windows is computed otherwise
since then, equal but for rounding, so that what decodes from such a file is what its encoder had but for rounding.
"""

from __future__ import annotations

import zlib
from binascii import crc_hqx
from collections.abc import Iterator
from fractions import Fraction
from itertools import accumulate, pairwise
from mmap import mmap
from pathlib import Path
from typing import BinaryIO, NamedTuple

from common.entropy.container import CLIP, INCONSISTENT, MAGIC, Fields, varint
from common.errors import StreamError

VERSION = 5
READABLE = (2, 3, 4, 5)
MARKER = b"\xffIFR"
STRUCTURES = ("uni", "bi")
_HEAD = 1 << 12  # bytes that a header, or what stands before a packet's streams, may have at most
_STREAMS = 64  # of a packet, at most
_FRAMES = 100  # a byte, at most: more than what a cut file may have lost, less than what a false one could ask for
_SEARCH = 16  # how often a file's bytes are gone over, at most, to find packets behind damaged ones
_CRC = 0xFFFF  # what it begins with


class VideoHeader(NamedTuple):
    """What a decoder must know before it decodes."""

    model: str
    digest: bytes  # 8 bytes
    width: int
    height: int
    rate: Fraction  # frames a second
    gop: int
    structure: str  # of STRUCTURES
    conversion: str  # by which the frames were made RGB; "" if they were
    frames: int  # in the clip; 0 while it is being written
    exact: bool = False  # whether the coder's parameters were computed in exact arithmetic
    version: int = VERSION  # of the file


class FramePacket(NamedTuple):
    """A frame: its place in the clip, its kind (see the top), its streams."""

    place: int
    kind: int
    streams: list[bytes]
    symbols: int | None = None  # the lower 16 bits of `streams.symbol_checksum`, in files before version 4
    size: int = 0  # bytes in the file


class Damage(NamedTuple):
    """What stands in the place of packets that cannot be read: where it begins, in bytes."""

    place: int


def write_header(file: BinaryIO, header: VideoHeader) -> None:
    """Write `header` at the beginning of `file`; written again with the number of frames it has the same length."""
    body = bytearray(MAGIC + bytes([VERSION]) + CLIP + bytes([STRUCTURES.index(header.structure) + 2 * header.exact]))
    for text in (header.model, header.conversion):
        encoded = text.encode()
        body += varint(len(encoded)) + encoded
    body += header.digest
    for number in (header.width, header.height, *header.rate.as_integer_ratio(), header.gop):
        body += varint(number)
    body += header.frames.to_bytes(4, "little")
    file.seek(0)
    file.write(bytes(body) + zlib.crc32(body).to_bytes(4, "little"))


def read_header(data: bytes | mmap) -> tuple[VideoHeader, int]:
    """The header that `data` begins with, and its length; raises `StreamError` for anything but a whole one."""
    if data[:3] != MAGIC or len(data) < 5:
        raise StreamError("This is not a .lic file: it does not begin with the letters LIC and a version.")
    if data[4:5] != CLIP:
        raise StreamError("The file holds an image, not a clip: decode it with the image codec that wrote it.")
    if data[3] not in READABLE:
        raise StreamError(
            f"This clip has format version {data[3]}, and this one reads {READABLE[0]} to {VERSION}: "
            "decode it with what wrote it."
        )
    fields = Fields(data[:_HEAD], 5)
    exact, structure = divmod(fields.take(1)[0], len(STRUCTURES))
    try:
        model, conversion = (fields.take(fields.varint()).decode() for _ in range(2))
    except UnicodeDecodeError:
        raise StreamError(INCONSISTENT) from None
    digest = fields.take(8)
    width, height, up, down, gop = (fields.varint() for _ in range(5))
    frames = int.from_bytes(fields.take(4), "little")
    end = fields.at
    if zlib.crc32(data[:end]) != int.from_bytes(fields.take(4), "little"):
        raise StreamError("The clip's header is damaged: its check sum does not fit. Copy or download it again.")
    if exact > (data[3] >= 5) or not (width and height and down and gop) or frames > _FRAMES * len(data):
        raise StreamError(INCONSISTENT)
    header = VideoHeader(
        model,
        digest,
        width,
        height,
        Fraction(up, down),
        gop,
        STRUCTURES[structure],
        conversion,
        frames,
        bool(exact),
        data[3],
    )
    return header, end + 4


class PacketFile:
    """Writes a clip's packets into `file`, which can be sought in, one after the other, in coding order."""

    def __init__(self, file: BinaryIO, header: VideoHeader) -> None:
        self._file, self._header = file, header._replace(frames=0)
        self._intra = 0
        write_header(file, self._header)

    def write(self, packet: FramePacket) -> int:
        """Returns the bytes that the packet takes; raises `ValueError` for none or too many streams."""
        if not 0 < len(packet.streams) <= _STREAMS:
            raise ValueError(f"a packet holds 1 to {_STREAMS} streams, not {len(packet.streams)}")
        begin = b""
        if packet.kind == 0:
            self._intra = packet.place
            begin = MARKER + varint(packet.place)
        more = range(len(packet.streams) - 1, -1, -1)
        lengths = [2 * len(stream) + (rest > 0) for stream, rest in zip(packet.streams, more)]
        numbers = [4 * abs(packet.place - self._intra) + packet.kind, *lengths]
        body = begin + b"".join(map(varint, numbers)) + b"".join(packet.streams)
        self._file.write(body + crc_hqx(body, _CRC).to_bytes(2, "little"))
        return len(body) + 2

    def finish(self, frames: int) -> None:
        """Write how many frames there are into the header."""
        write_header(self._file, self._header._replace(frames=frames))


def read_packets(data: bytes | mmap) -> Iterator[FramePacket | Damage]:
    """The packets of the file `data`, one at a time; of damaged stretches, that they are there."""
    header, at = read_header(data)
    packets, intra = _Packets(data, header.frames), -1
    while at < len(data):
        try:
            packet, at = packets.read(at, intra)
            intra = packet.place if packet.kind == 0 else intra
            yield packet
        except StreamError:
            yield Damage(at)
            at = packets.after_damage(at, intra)


class _Packets:
    """Reads packets anywhere in a file; `intra`, where asked for, is the place of the last I frame before."""

    def __init__(self, data: bytes | mmap, frames: int) -> None:
        self._data, self._frames = data, frames
        self._left = _SEARCH * len(data)  # bytes that may yet be gone over
        self._old = data[3] < 4
        self._tail = 4 if self._old else 2  # bytes behind the streams

    def read(self, at: int, intra: int) -> tuple[FramePacket, int]:
        """The packet at byte `at`, and where it ends."""
        begins = self._begins(at)
        lengths, kind, distance, body = self._lengths(at)
        if begins:
            intra, distance = distance, 0
        end = body + sum(lengths) + self._tail
        if end > len(self._data):
            raise StreamError(INCONSISTENT)
        whole = self._data[at:end]
        self._left -= len(whole)
        if crc_hqx(whole[:-2], _CRC) != int.from_bytes(whole[-2:], "little") or begins != (kind == 0) or intra < 0:
            raise StreamError("The packet is damaged: its check sum does not fit.")
        edges = [body - at, *(body - at + n for n in accumulate(lengths))]
        place = intra - distance if kind == 2 else intra + distance
        if not 0 <= place < (self._frames or _FRAMES * at):  # without their number, the file was cut
            raise StreamError(INCONSISTENT)
        streams = [whole[a:b] for a, b in pairwise(edges)]
        symbols = int.from_bytes(whole[-4:-2], "little") if self._old else None
        return FramePacket(place, kind, streams, symbols, len(whole)), end

    def after_damage(self, at: int, intra: int) -> int:
        """Where to read on: behind the packet that was to be here, if one is whole there, else at the next marker."""
        if not self._begins(at):  # without its I frame, what follows cannot be decoded
            try:
                lengths, *_, body = self._lengths(at)
                behind = body + sum(lengths) + self._tail
                self.read(behind, intra)
                return behind
            except StreamError:
                pass
        while (at := self._data.find(MARKER, at + 1)) >= 0 and self._left > 0:
            try:
                self.read(at, -1)
                return at
            except StreamError:
                continue
        return len(self._data)

    def _begins(self, at: int) -> bool:
        return self._data[at : at + len(MARKER)] == MARKER

    def _lengths(self, at: int) -> tuple[list[int], int, int, int]:
        """The lengths of the streams, the frame's kind and distance (of an I frame: its place), where they begin."""
        fields = Fields(self._data[at : at + _HEAD], 0)
        index = None
        if self._begins(at):
            fields.take(len(MARKER))
            index = fields.varint()
        distance, kind = divmod(fields.varint(), 4)
        lengths = _old_lengths(fields) if self._old else _chained_lengths(fields)
        if len(lengths) > _STREAMS or kind > 2:
            raise StreamError(INCONSISTENT)
        return lengths, kind, distance if index is None else index, at + fields.at


def _chained_lengths(fields: Fields) -> list[int]:
    lengths: list[int] = []
    more = 1
    while more and len(lengths) <= _STREAMS:
        length, more = divmod(fields.varint(), 2)
        lengths.append(length)
    return lengths


def _old_lengths(fields: Fields) -> list[int]:
    """As versions 2 and 3 tell them."""
    return [fields.varint() for _ in range(min(fields.varint(), _STREAMS + 1))]


def describe_clip(path: Path, data: bytes) -> str:
    """What `lic info` says of a clip's file."""
    header, _ = read_header(data)
    packets = list(read_packets(data))
    whole = [packet for packet in packets if isinstance(packet, FramePacket)]
    sizes = {kind: [p.size for p in whole if (p.kind == 0) == (kind == "I")] for kind in ("I", "P")}
    count = header.frames or len(whole)
    bpp = 8 * len(data) / (header.width * header.height * max(count, 1))
    lines = [
        f"{path}: {header.width}x{header.height}, {count} frames, {float(header.rate):g} a second, {len(data)} bytes, "
        f"{bpp:.4f} bpp, format version {data[3]}",
        f"  model    {header.model}, weights {header.digest.hex()}",
        f"  GOP      {header.gop}, {header.structure}; "
        + ", ".join(f"{len(s)} {kind} frames of {sum(s) / len(s):.0f} bytes" for kind, s in sizes.items() if s),
        f"  colours  {header.conversion or 'RGB as it was'}",
    ]
    if len(whole) < count:
        lines.append(f"  damaged  {count - len(whole)} frames cannot be read")
    return "\n".join(lines)
