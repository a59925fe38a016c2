"""Clips' files as earlier versions of the format had them, which must stay readable."""

import io
import zlib
from binascii import crc_hqx
from collections.abc import Sequence

from common.entropy.container import varint
from common.entropy.video_container import MARKER, FramePacket, VideoHeader, write_header


def in_the_layout_before(header: VideoHeader, packets: Sequence[FramePacket], version: int) -> bytes:
    """A file of version 2 or 3: the number of streams before their lengths, a checksum of the symbols behind them."""
    file = io.BytesIO()
    write_header(file, header._replace(frames=len(packets)))
    data, intra = file.getvalue()[:-4], 0
    out = data[:3] + bytes([version]) + data[4:]
    out += zlib.crc32(out).to_bytes(4, "little")
    for place, kind, streams, symbols, _ in packets:
        intra = place if kind == 0 else intra
        begin = MARKER + varint(place) if kind == 0 else b""
        numbers = [4 * abs(place - intra) + kind, len(streams), *map(len, streams)]
        body = begin + b"".join(map(varint, numbers)) + b"".join(streams) + (symbols or 0).to_bytes(2, "little")
        out += body + crc_hqx(body, 0xFFFF).to_bytes(2, "little")
    return out
