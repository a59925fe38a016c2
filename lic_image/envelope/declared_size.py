"""How large a classical codec's file says its picture is, read before any decoder asks for memory.

A small file may declare a huge picture, in the stream itself as well as in what is around it. So every place is read
from which a decoder takes a size: the frame header of a JPEG, the canvas of a WebP, the `ispe` box of an AVIF and each
sequence header of its AV1 stream, the size header of JPEG XL. What our encoders do not write (image sequences, grids,
several items) is not understood.

    JPEG       ITU-T T.81, B.2.2                      WebP       RFC 9649
    JPEG XL    ISO/IEC 18181-1, size header           AVIF, AV1  AV1 Image File Format; AV1 bitstream, 5.3 and 5.5
"""

import io
import struct
from collections.abc import Iterator

from PIL import Image

Size = tuple[int, int]  # height, width


def sizes(file_format: str, data: bytes) -> set[Size]:
    """All that a file of `file_format` declares: JPEG, WEBP, AVIF, JXL.

    Raises:
        Exception: of any kind, for a file that is damaged or not understood.
    """
    if file_format == "WEBP":  # whose reader in Pillow asks for the canvas as soon as it opens a file
        return {_webp(data)}
    if file_format == "JXL":
        return {_jpeg_xl(data)}
    with Image.open(io.BytesIO(data), formats=[file_format]) as picture:
        declared = {(picture.height, picture.width)}
    return declared | set(_av1(_item(data))) if file_format == "AVIF" else declared


def _webp(data: bytes) -> Size:
    kind, body = data[12:16], data[20:]
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise ValueError("it is no WebP")
    if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", body, 6)
        return height & 0x3FFF, width & 0x3FFF
    if kind == b"VP8L" and body[:1] == b"\x2f":
        bits = int.from_bytes(body[1:5], "little")
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    if kind == b"VP8X" and len(body) >= 10:
        return int.from_bytes(body[7:10], "little") + 1, int.from_bytes(body[4:7], "little") + 1
    raise ValueError("it begins with no picture")


class _LowestFirst:
    """Bits of JPEG XL."""

    def __init__(self, data: bytes) -> None:
        self._left, self._bits = int.from_bytes(data, "little"), 8 * len(data)

    def take(self, count: int) -> int:
        if count > self._bits:
            raise ValueError("its header is cut off")
        found, self._left, self._bits = self._left & (1 << count) - 1, self._left >> count, self._bits - count
        return found

    def side(self, of_eight: bool) -> int:
        return 8 * (1 + self.take(5)) if of_eight else 1 + self.take((9, 13, 18, 30)[self.take(2)])


RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # width to height


def _jpeg_xl(data: bytes) -> Size:
    if data[:2] != b"\xff\x0a":
        raise ValueError("it is no bare JPEG XL codestream")
    bits = _LowestFirst(data[2:16])
    of_eight = bool(bits.take(1))
    height = bits.side(of_eight)
    ratio = bits.take(3)
    if not ratio:
        return height, bits.side(of_eight)
    numerator, denominator = RATIOS[ratio - 1]
    return height, height * numerator // denominator


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and content of the boxes that `data` consists of."""
    at = 0
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if length < 8 or at + length > len(data):
            raise ValueError("its boxes do not fit into it")
        yield kind, data[at + 8 : at + length]
        at += length


def _item(data: bytes) -> bytes:
    """The one item of an AVIF: an AV1 stream, in one piece."""
    (meta,) = (content for kind, content in _boxes(data) if kind == b"meta")
    (iloc,) = (content for kind, content in _boxes(meta[4:]) if kind == b"iloc")
    version, lengths, items, _, _, extents, offset, length = struct.unpack(">B3xHHHHHII", iloc)
    if (version, lengths, items, extents) != (0, 0x4400, 1, 1):
        raise ValueError("it holds more than one picture")
    return data[offset : offset + length]


def _av1(stream: bytes) -> Iterator[Size]:
    """Of each sequence header among the open bitstream units."""
    at = 0
    while at < len(stream):
        header, at = stream[at], at + 1 + (stream[at] >> 2 & 1)
        length = len(stream) - at
        if header & 2:
            length, shift, more = 0, 0, True
            while more:
                length |= (stream[at] & 0x7F) << shift
                more, shift, at = stream[at] > 0x7F, shift + 7, at + 1
        if header >> 3 & 15 == 1:
            yield _sequence(stream[at : at + length])
        at += length


def _sequence(header: bytes) -> Size:
    bits = f"{int.from_bytes(header, 'big'):0{8 * len(header)}b}"
    at = 5 if bits[4] == "0" else 10  # behind the profile, still_picture, reduced_still_picture_header and the level
    if bits[4] == "0":
        if bits[5:7] != "00":
            raise ValueError("it has the timing of a clip")
        count, at = 1 + int(bits[7:12], 2), 12
        for _ in range(count):
            at += 18 if int(bits[at + 12 : at + 17], 2) > 7 else 17
    places = int(bits[at : at + 4], 2) + 1, int(bits[at + 4 : at + 8], 2) + 1
    at += 8
    width = int(bits[at : at + places[0]], 2)
    height = int(bits[at + places[0] : at + sum(places)], 2)
    if places != tuple(max(side.bit_length(), 1) for side in (width, height)):  # a frame could tell a larger size
        raise ValueError("its sides have more digits than they need")
    return height + 1, width + 1
