"""The `.lic` file, format versions 3 and 4. Changed bytes are a new version, and old versions stay readable.

Versions 1 and 2 have the same layout as 3, without the flag of exact arithmetic; how their streams differ is in
`common.entropy.rules`. Version 4 is written only where it is needed: by codecs of several rates.

========  ===========  =============================================================================
bytes     name         meaning
========  ===========  =============================================================================
3         magic        the letters LIC
1         version      3, or 4 where one of the flags is set that it brought
1         kind         the letter I: one image (V: a clip, see `video_container`)
1         flags        bit 0: greyscale; bit 1: exact arithmetic (`common.entropy.exact`); version 4,
                       bit 2: there is a setting; bit 3: the file is made of levels; all others zero
varint    name length  in bytes, at most 255
          model        the configuration's name in UTF-8
8         digest       of the model's weights, see `weights_digest`
varint    width        in pixels, at least 1
varint    height       in pixels, at least 1
varint    setting      with bit 2: at which of its operating points the codec worked
varint    levels       with bit 3: how many the whole file has, at least 1
          content      one block; with bit 3 one for each level, of which the last ones may be missing
========  ===========  =============================================================================

A block is

========  ===========  =============================================================================
varint    streams      their number
varint    lengths      in bytes, of every stream but the last, which takes what is left; with bit 3
                       of every stream
4         symbols      checksum of the symbols that the streams decode to, see `streams.symbol_checksum`
          payload      the streams, one after the other
4         check        CRC-32 of all bytes of the file before
========  ===========  =============================================================================

So what ends behind a level is a whole file of a lower quality, and of a file that was cut elsewhere the levels before
the cut are whole. Integers of fixed size are little-endian. A varint holds 7 bits a byte, low first, with the top bit
set on all but its last byte; it has no more bytes than needed and is below 2^32.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor

from common.errors import StreamError

MAGIC, VERSION = b"LIC", 4
PLAIN_VERSION = 3  # of files of one level without a setting
IMAGE, CLIP = b"I", b"V"
GREY, EXACT, SETTING, LEVELS = 1, 2, 4, 8  # flags
MAX_PIXELS = 2**28  # of a picture or frame, unless another limit is given
_NOT_WEIGHTS = ("_quantized_cdf", "_cdf_length", "_offset", "_tables_digest")


class Header(NamedTuple):
    """What a decoder must know before it decodes."""

    kind: bytes  # IMAGE
    model: str
    digest: bytes  # 8 bytes
    width: int
    height: int
    grey: bool
    exact: bool = False  # whether the coder's parameters were computed in exact arithmetic
    setting: int | None = None  # of a codec of several operating points (`common.capabilities.Adjustable`)
    levels: int | None = None  # of the whole file, for a codec that writes levels (`CodesInLevels`)


class Level(NamedTuple):
    """What one level, or a file without levels, is made of."""

    streams: list[bytes]
    symbols: int  # the checksum of what they decode to


class Packet(NamedTuple):
    """The content of a file."""

    header: Header
    levels: list[Level]  # those that are whole; of a file without levels the only one
    version: int = PLAIN_VERSION  # of the file
    cut: bool = False  # whether the file ends within a level


def pack(header: Header, levels: Sequence[Level]) -> bytes:
    """The bytes of a file; raises `ValueError` for what the format cannot hold."""
    return b"".join(_parts(header, levels))


def sizes(header: Header, levels: Sequence[Level]) -> list[int]:
    """Bytes of the file that ends behind each of `levels`; raises as `pack`."""
    return list(accumulate(map(len, _parts(header, levels))))[1:]


def _parts(header: Header, levels: Sequence[Level]) -> Iterator[bytes]:
    """The header, then the block of each level. Checks are carried on: levels may be many, and files large."""
    name = header.model.encode()
    if header.kind != IMAGE or len(header.digest) != 8 or len(name) > 255:
        raise ValueError(f"cannot be written: {header}")
    if not (0 < header.width < 2**32 and 0 < header.height < 2**32):
        raise ValueError(f"an image of {header.width} x {header.height} pixels cannot be written")
    if not 0 < len(levels) <= (header.levels or 1) < 2**32 or not 0 <= (header.setting or 0) < 2**32:
        raise ValueError(f"{len(levels)} levels cannot be written under {header}")
    later = [number for number in (header.setting, header.levels) if number is not None]
    flags = GREY * header.grey | EXACT * header.exact
    flags |= SETTING * (header.setting is not None) | LEVELS * (header.levels is not None)
    version = VERSION if later else PLAIN_VERSION
    parts = [MAGIC, bytes([version]), header.kind, bytes([flags]), varint(len(name)), name, header.digest]
    head = b"".join([*parts, *map(varint, (header.width, header.height, *later))])
    yield head
    check = zlib.crc32(head)
    for level in levels:
        told = level.streams if header.levels is not None else level.streams[:-1]
        numbers = b"".join(map(varint, (len(level.streams), *map(len, told))))
        body = numbers + level.symbols.to_bytes(4, "little") + b"".join(level.streams)
        check = zlib.crc32(body, check)
        written = _bytes(check)
        check = zlib.crc32(written, check)
        yield body + written


def _bytes(check: int) -> bytes:
    return check.to_bytes(4, "little")


def check_pixels(width: int, height: int, most: int, what: str) -> None:
    """Raises `StreamError` if pictures of `width` x `height` have more than `most` pixels."""
    if width * height > most:
        raise StreamError(
            f"The file claims {what} of {width} x {height} pixels, more than the limit of {most}: "
            "if you trust it, raise the limit with --max-pixels."
        )


def unpack(data: bytes, max_pixels: int = MAX_PIXELS, levels: int | None = None) -> Packet:
    """What is in a file.

    Args:
        max_pixels: a picture of more is refused.
        levels: read so many at most.

    Raises:
        StreamError: the file is not intact. One that ends within a level other than the first is read up to there.
    """
    version = _version(data)
    if version < 4 or not data[5:6] or not data[5] & LEVELS:
        body = data[:-4]
        if _bytes(zlib.crc32(body)) != data[-4:]:
            raise StreamError(DAMAGED)
        fields = Fields(body, 4)
        header = _header(fields, version)
        check_pixels(header.width, header.height, max_pixels, "an image")
        return Packet(header, [_last_block(fields)], version)
    fields = Fields(data, 4)
    try:
        header = _header(fields, version)
        blocks = _Blocks(data, fields)
        found = [blocks.next()]
    except _Damaged:
        raise
    except StreamError:
        raise StreamError(CUT_SHORT) from None
    check_pixels(header.width, header.height, max_pixels, "an image")
    cut, most = False, min(levels or len(data), header.levels or 1)
    while fields.left and len(found) < most:
        try:
            found.append(blocks.next())
        except _Damaged:
            raise StreamError(
                f"Level {len(found) + 1} of the file is damaged: copy or download it again, or decode the levels "
                f"before it with --level {len(found)}."
            ) from None
        except StreamError:
            cut = True
            break
    if not cut and len(found) == header.levels and fields.left:
        raise StreamError(INCONSISTENT)
    return Packet(header, found, version, cut)


DAMAGED = "The file is damaged: its check sum does not fit its content. Copy or download it again."
CUT_SHORT = "The file ends within its first level, or is damaged: copy or download it again."
INCONSISTENT = "The file contradicts itself: it was not written by this program."


class _Damaged(StreamError):
    """A block is there and does not fit its check."""


def _version(data: bytes) -> int:
    if data[:3] != MAGIC or len(data) < 4:
        raise StreamError("This is not a .lic file: it does not begin with the letters LIC and a version.")
    if data[4:5] == CLIP:
        raise StreamError("The file holds a clip, not an image: decode it with the video codec that wrote it.")
    if not 0 < (version := data[3]) <= VERSION:
        raise StreamError(
            f"This file has format version {version}, and this program reads up to {VERSION}: update the program."
        )
    return version


def _header(fields: Fields, version: int) -> Header:
    kind, flags = fields.take(1), fields.take(1)[0]
    if kind != IMAGE or flags > {1: 1, 2: 1, 3: 3}.get(version, 15):
        raise StreamError("The file holds something else than an image: update the program.")
    if (length := fields.varint()) > 255:
        raise StreamError(INCONSISTENT)
    try:
        model = fields.take(length).decode()
    except UnicodeDecodeError:
        raise StreamError(INCONSISTENT) from None
    digest = fields.take(8)
    width, height = fields.varint(), fields.varint()
    setting = fields.varint() if flags & SETTING else None
    levels = fields.varint() if flags & LEVELS else None
    if width < 1 or height < 1 or levels == 0:
        raise StreamError(INCONSISTENT)
    return Header(kind, model, digest, width, height, bool(flags & GREY), bool(flags & EXACT), setting, levels)


def _last_block(fields: Fields) -> Level:
    """A block without its check, whose last stream takes what is left."""
    count = fields.count()
    lengths = [fields.varint() for _ in range(count - 1)]
    symbols = int.from_bytes(fields.take(4), "little")
    streams = [fields.take(length) for length in lengths]
    rest = fields.take(fields.left)
    if count:
        streams.append(rest)
    elif rest:
        raise StreamError(INCONSISTENT)
    return Level(streams, symbols)


class _Blocks:
    """Reads the blocks of levels, each with its check. The checksum is carried on from one to the next."""

    def __init__(self, data: bytes, fields: Fields) -> None:
        self._data, self._fields = memoryview(data), fields
        self._done, self._check = 0, 0  # bytes that are in the checksum, and the checksum

    def next(self) -> Level:
        """The next block; `_Damaged` where its check does not fit, `StreamError` where it is not whole."""
        fields = self._fields
        lengths = [fields.varint() for _ in range(fields.count())]
        symbols = int.from_bytes(fields.take(4), "little")
        streams = [fields.take(length) for length in lengths]
        self._check = zlib.crc32(self._data[self._done : fields.at], self._check)
        self._done = fields.at
        if _bytes(self._check) != fields.take(4):
            raise _Damaged(DAMAGED)
        return Level(streams, symbols)


def weights_digest(state_dict: Mapping[str, Tensor]) -> bytes:
    """8 bytes that identify a model's weights: BLAKE2b over the entries' names, types, shapes and bytes.

    The entropy coder's tables and their digests are left out: they follow from the rest and may be rebuilt.
    Everything else counts, buffers such as a scale table included, since a decoder needs them all.
    """
    digest = hashlib.blake2b(digest_size=8)
    for name in sorted(state_dict):
        if name.rpartition(".")[2] in _NOT_WEIGHTS:
            continue
        tensor = state_dict[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        if tensor.numel():
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.digest()


def varint(value: int) -> bytes:
    """A whole number below 2^32, 7 bits a byte."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


class Fields:
    """Reads one field of `data` after the other, from `at` on and never past the end; raises `StreamError` there."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self.at = data, at

    @property
    def left(self) -> int:
        return len(self._data) - self.at

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise StreamError(INCONSISTENT)
        self.at += size
        return self._data[self.at - size : self.at]

    def count(self) -> int:
        """A number of streams, no more than there are bytes."""
        if (count := self.varint()) > len(self._data):
            raise StreamError(INCONSISTENT)
        return count

    def varint(self) -> int:
        value = 0
        for place in range(5):
            byte = self.take(1)[0]
            value |= (byte & 127) << (7 * place)
            if byte < 128:
                if value >= 2**32 or (place and not byte):
                    break
                return value
        raise StreamError(INCONSISTENT)
