"""The `.lic` file of a clip: a header, then packets, one a frame, each with its own checksum. Format version 3.

    header   "LIC" | 3 | "V" | structure | name length, model | digest, 8 | width, height, rate up, rate down,
             GOP size, conversion length, conversion | frames, 4 | CRC-32, 4
    packet   [marker, 4, and the frame's place: only before I frames] | head | streams, their lengths | the streams |
             symbols, 2 | CRC-16, 2

Numbers without a size are varints (see `container`); others are little-endian. `head` is 4 times the distance from
the last I frame in the file, plus the frame's kind (0: I, 1: predicted from the frame before, 2: from the frame after,
whose distance counts backwards). `frames` is written last, when all have come. A P packet of one stream has 7 or 8
bytes beside it.

The CRC-16 covers the packet up to itself; `symbols` are the lower bits of
`streams.symbol_checksum`. What fails is damaged: reading goes on at the packet behind it if that is whole, else at the
next marker that begins a whole packet. Frames are written in coding order.

Version 2, which is read, too: an image codec as residual codec had streams of its own in each P packet, where `swift`
now writes into the common one. Attention within windows is computed otherwise since then, equal but for rounding, so
that what decodes from such a file is what its encoder had but for rounding.
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

from common.entropy.container import INCONSISTENT, MAGIC, Fields, varint
from common.errors import StreamError

VERSION, VIDEO = 3, b"V"
READABLE = (2, 3)
MARKER = b"\xffIFR"
STRUCTURES = ("uni", "bi")
_HEAD = 1 << 12  # bytes that a header, or what stands before a packet's streams, may have at most
_STREAMS = 64  # of a packet, at most
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


class FramePacket(NamedTuple):
    """A frame: its place in the clip, its kind (see the top), its streams, the checksum of its symbols."""

    place: int
    kind: int
    streams: list[bytes]
    symbols: int  # 16 bits
    size: int = 0  # bytes in the file


class Damage(NamedTuple):
    """What stands in the place of packets that cannot be read: where it begins, in bytes."""

    place: int


def write_header(file: BinaryIO, header: VideoHeader) -> None:
    """Write `header` at the beginning of `file`; written again with the number of frames it has the same length."""
    body = bytearray(MAGIC + bytes([VERSION]) + VIDEO + bytes([STRUCTURES.index(header.structure)]))
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
    if data[4:5] != VIDEO:
        raise StreamError("The file holds an image, not a clip: decode it with the image codec that wrote it.")
    if data[3] not in READABLE:
        raise StreamError(
            f"This clip has format version {data[3]}, and this one reads 2 and {VERSION}: decode it with what wrote it."
        )
    fields = Fields(data[:_HEAD], 5)
    structure = fields.take(1)[0]
    texts = [fields.take(fields.varint()) for _ in range(2)]
    digest = fields.take(8)
    width, height, up, down, gop = (fields.varint() for _ in range(5))
    frames = int.from_bytes(fields.take(4), "little")
    end = fields.at
    if zlib.crc32(data[:end]) != int.from_bytes(fields.take(4), "little"):
        raise StreamError("The clip's header is damaged: its check sum does not fit. Copy or download it again.")
    if structure >= len(STRUCTURES) or not (width and height and down and gop):
        raise StreamError(INCONSISTENT)
    model, conversion = (text.decode() for text in texts)
    header = VideoHeader(
        model, digest, width, height, Fraction(up, down), gop, STRUCTURES[structure], conversion, frames
    )
    return header, end + 4


class PacketFile:
    """Writes a clip's packets into `file`, which can be sought in, one after the other, in coding order."""

    def __init__(self, file: BinaryIO, header: VideoHeader) -> None:
        self._file, self._header = file, header._replace(frames=0)
        self._intra = 0
        write_header(file, self._header)

    def write(self, packet: FramePacket) -> int:
        """Returns the bytes that the packet takes."""
        begin = b""
        if packet.kind == 0:
            self._intra = packet.place
            begin = MARKER + varint(packet.place)
        lengths = [len(stream) for stream in packet.streams]
        numbers = [4 * abs(packet.place - self._intra) + packet.kind, len(lengths), *lengths]
        body = begin + b"".join(map(varint, numbers)) + b"".join(packet.streams)
        body += packet.symbols.to_bytes(2, "little")
        self._file.write(body + crc_hqx(body, _CRC).to_bytes(2, "little"))
        return len(body) + 2

    def finish(self, frames: int) -> None:
        """Write how many frames there are into the header."""
        write_header(self._file, self._header._replace(frames=frames))


def read_packets(data: bytes | mmap, start: int) -> Iterator[FramePacket | Damage]:
    """The packets of the file `data` from byte `start` on, one at a time; of damaged stretches, that they are there."""
    at, intra = start, -1
    while at < len(data):
        try:
            packet, at = _packet(data, at, intra)
            intra = packet.place if packet.kind == 0 else intra
            yield packet
        except StreamError:
            yield Damage(at)
            at = _after_damage(data, at, intra)


def _packet(data: bytes | mmap, at: int, intra: int) -> tuple[FramePacket, int]:
    """The packet at byte `at`, and where it ends; `intra` is the place of the last I frame."""
    begins = data[at : at + len(MARKER)] == MARKER
    lengths, kind, distance, fields = _lengths(data, at)
    if begins:
        intra, distance = distance, 0
    end = fields.at + sum(lengths)
    if end + 4 > len(data):
        raise StreamError(INCONSISTENT)
    whole = data[at : end + 4]
    if crc_hqx(whole[:-2], _CRC) != int.from_bytes(whole[-2:], "little") or begins != (kind == 0) or intra < 0:
        raise StreamError("The packet is damaged: its check sum does not fit.")
    edges = [fields.at - at, *(fields.at - at + n for n in accumulate(lengths))]
    index = intra - distance if kind == 2 else intra + distance
    streams = [whole[a:b] for a, b in pairwise(edges)]
    return FramePacket(index, kind, streams, int.from_bytes(whole[-4:-2], "little"), len(whole)), end + 4


def _lengths(data: bytes | mmap, at: int) -> tuple[list[int], int, int, Fields]:
    """The lengths of the streams, the frame's kind and distance (of an I frame: its place), and what comes behind."""
    fields = Fields(data[at : at + _HEAD], 0)
    index = None
    if data[at : at + len(MARKER)] == MARKER:
        fields.take(len(MARKER))
        index = fields.varint()
    distance, kind = divmod(fields.varint(), 4)
    count = fields.varint()
    if count > _STREAMS or kind > 2:
        raise StreamError(INCONSISTENT)
    lengths = [fields.varint() for _ in range(count)]
    fields.at += at
    return lengths, kind, distance if index is None else index, fields


def _after_damage(data: bytes | mmap, at: int, intra: int) -> int:
    """Where to read on: behind the packet that was to be here, if one is whole there, else at the next marker."""
    if data[at : at + len(MARKER)] != MARKER:  # without its I frame, what follows cannot be decoded
        try:
            lengths, *_, fields = _lengths(data, at)
            behind = fields.at + sum(lengths) + 4
            _packet(data, behind, intra)
            return behind
        except StreamError:
            pass
    while (at := data.find(MARKER, at + 1)) >= 0:
        try:
            _packet(data, at, -1)
            return at
        except StreamError:
            continue
    return len(data)


def describe_clip(path: Path, data: bytes) -> str:
    """What `lic info` says of a clip's file."""
    header, start = read_header(data)
    packets = list(read_packets(data, start))
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
