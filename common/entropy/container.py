"""The `.lic` file, format version 3. Changed bytes are a new version, and old versions stay readable.

Versions 1 and 2 have the same layout, without the flag of exact arithmetic; how their streams differ is in
`common.entropy.rules`.

========  ===========  =============================================================================
bytes     name         meaning
========  ===========  =============================================================================
3         magic        the letters LIC
1         version      3
1         kind         the letter I: one image (V: a clip, see `video_container`)
1         flags        bit 0: greyscale; bit 1: exact arithmetic (`common.entropy.exact`); all others zero
varint    name length  in bytes, at most 255
          model        the configuration's name in UTF-8
8         digest       of the model's weights, see `weights_digest`
varint    width        in pixels, at least 1
varint    height       in pixels, at least 1
varint    streams      their number
varint    lengths      in bytes, of every stream but the last, which takes what is left
4         symbols      checksum of the symbols that the streams decode to, see `streams.symbol_checksum`
          payload      the streams, one after the other
4         check        CRC-32 of all bytes before
========  ===========  =============================================================================

Integers of fixed size are little-endian. A varint holds 7 bits a byte, low first, with the top bit set on all
but its last byte; it has no more bytes than needed and is below 2^32.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from common.errors import StreamError

MAGIC, VERSION = b"LIC", 3
IMAGE, CLIP = b"I", b"V"
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


class Packet(NamedTuple):
    """The content of a file."""

    header: Header
    streams: list[bytes]
    symbols: int  # the checksum of the decoded symbols
    version: int = VERSION  # of the file


def pack(header: Header, streams: list[bytes], symbols: int) -> bytes:
    """The bytes of a file; raises `ValueError` for what the format cannot hold."""
    name = header.model.encode()
    if header.kind != IMAGE or len(header.digest) != 8 or len(name) > 255:
        raise ValueError(f"cannot be written: {header}")
    if not (0 < header.width < 2**32 and 0 < header.height < 2**32):
        raise ValueError(f"an image of {header.width} x {header.height} pixels cannot be written")
    numbers = [header.width, header.height, len(streams), *map(len, streams[:-1])]
    parts = [
        MAGIC,
        bytes([VERSION]),
        header.kind,
        bytes([header.grey | header.exact << 1]),
        varint(len(name)),
        name,
        header.digest,
    ]
    body = b"".join([*parts, *map(varint, numbers), symbols.to_bytes(4, "little"), *streams])
    return body + zlib.crc32(body).to_bytes(4, "little")


def check_pixels(width: int, height: int, most: int, what: str) -> None:
    """Raises `StreamError` if pictures of `width` x `height` have more than `most` pixels."""
    if width * height > most:
        raise StreamError(
            f"The file claims {what} of {width} x {height} pixels, more than the limit of {most}: "
            "if you trust it, raise the limit with --max-pixels."
        )


def unpack(data: bytes, max_pixels: int = MAX_PIXELS) -> Packet:
    """What is in a file; raises `StreamError` for anything but an intact file of at most `max_pixels`."""
    if data[:3] != MAGIC or len(data) < 4:
        raise StreamError("This is not a .lic file: it does not begin with the letters LIC and a version.")
    version = data[3]
    if data[4:5] == CLIP:
        raise StreamError("The file holds a clip, not an image: decode it with the video codec that wrote it.")
    if not 0 < version <= VERSION:
        raise StreamError(
            f"This file has format version {version}, and this program reads up to {VERSION}: update the program."
        )
    if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        raise StreamError("The file is damaged: its check sum does not fit its content. Copy or download it again.")
    fields = Fields(data[:-4], 4)
    kind, flags = fields.take(1), fields.take(1)[0]
    if kind != IMAGE or flags > (3 if version >= 3 else 1):
        raise StreamError("The file holds something else than an image: update the program.")
    try:
        model = fields.take(fields.varint()).decode()
    except UnicodeDecodeError:
        raise StreamError(INCONSISTENT) from None
    digest = fields.take(8)
    width, height = fields.varint(), fields.varint()
    if width < 1 or height < 1:
        raise StreamError(INCONSISTENT)
    check_pixels(width, height, max_pixels, "an image")
    count = fields.varint()
    if count > len(data):
        raise StreamError(INCONSISTENT)
    lengths = [fields.varint() for _ in range(count - 1)]
    symbols = int.from_bytes(fields.take(4), "little")
    streams = [fields.take(length) for length in lengths]
    rest = fields.take(fields.left)
    if count:
        streams.append(rest)
    elif rest:
        raise StreamError(INCONSISTENT)
    header = Header(kind, model, digest, width, height, bool(flags & 1), bool(flags & 2))
    return Packet(header, streams, symbols, version)


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


INCONSISTENT = "The file contradicts itself: it was not written by this program."


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
