"""Streams that no encoder wrote: damaged, or with repaired checks, so that the inner layers are reached."""

import zlib
from binascii import crc_hqx
from typing import Any, NamedTuple

import numpy as np

from common.entropy.container import CLIP, Level, Packet, pack, unpack, varint
from common.entropy.video_container import FramePacket, read_header, read_packets

SIDES = (1, 2, 63, 64, 65, 128, 129, 4096, 16384, 16385, 60000, 2**28, 2**28 + 1, 2**32 - 1)


class Mutated(NamedTuple):
    """A stream, what was done to it, and whether it may be another whole file, whose pixels nobody knows."""

    data: bytes
    how: str
    other: bool = False


def mutated(data: bytes, others: list[bytes], random: np.random.Generator) -> Mutated:
    """`data`, or a splice of it with one of `others` (of the same codec), damaged in one of many ways."""
    ways = CLIP_WAYS if data[4:5] == CLIP else IMAGE_WAYS
    name = str(random.choice(list(ways)))
    made: bytes | Mutated = ways[name](data, others, random)  # type: ignore[assignment]
    return made if isinstance(made, Mutated) else Mutated(made, name)


def damaged(data: bytes, random: np.random.Generator) -> bytes:
    """Flips, cuts, repeats, zeros, insertions, at least one."""
    out = bytearray(data)
    for _ in range(int(random.integers(1, 4))):
        at, size = int(random.integers(0, len(out) + 1)), int(random.integers(1, 9))
        match int(random.integers(0, 7)):
            case 0 | 1 if at < len(out):
                out[at] ^= 1 << int(random.integers(0, 8))
            case 2:
                out[at : at + size] = random.bytes(size)
            case 3:
                del out[at : at + size]
            case 4:
                out[at:at] = out[max(0, at - size) : at]
            case 5:
                out[at : at + size] = bytes(size)
            case _:
                del out[at:]
        if not out:
            return b""
    return bytes(out)


def signed(body: bytes) -> bytes:
    return body + zlib.crc32(body).to_bytes(4, "little")


def _plain(data: bytes, others: list[bytes], random: np.random.Generator) -> bytes:
    return damaged(data, random)


def _spliced(data: bytes, others: list[bytes], random: np.random.Generator) -> Mutated:
    other = others[int(random.integers(0, len(others)))]
    at, to = int(random.integers(0, len(data) + 1)), int(random.integers(0, len(other) + 1))
    out = data[:at] + other[to:]
    return Mutated(out, "spliced", other=data[4:5] == CLIP)


def _signed_damage(data: bytes, others: list[bytes], random: np.random.Generator) -> bytes:
    """Behind the version: that another version's streams cannot be told from these is tested apart."""
    return signed(data[:4] + damaged(data[4:-4], random))


def _version(data: bytes, others: list[bytes], random: np.random.Generator) -> bytes:
    return signed(data[:3] + bytes([int(random.integers(0, 8))]) + data[4:-4])


def _lying_sides(data: bytes, others: list[bytes], random: np.random.Generator) -> bytes:
    packet = unpack(data)
    sides: Any = {side: int(random.choice(SIDES)) for side in ("width", "height") if random.random() < 0.7}
    return _packed(packet._replace(header=packet.header._replace(**sides)))


def _lying_rest(data: bytes, others: list[bytes], random: np.random.Generator) -> Mutated:
    """Another model, digest or checksum, other flags, another setting or number of levels."""
    packet = unpack(data)
    header = packet.header
    match int(random.integers(0, 7)):
        case 0:
            header = header._replace(model="x" * int(random.integers(0, 256)))
        case 1:
            header = header._replace(digest=random.bytes(8))
        case 2:
            header = header._replace(exact=not header.exact)
        case 3:
            header = header._replace(grey=not header.grey)
        case 4:
            header = header._replace(setting=int(random.choice((0, 1, 500, 1001, 2**32 - 1))))
        case 5:
            header = header._replace(levels=len(packet.levels) + int(random.integers(0, 3)))
        case _:
            at = int(random.integers(0, len(packet.levels)))
            packet.levels[at] = packet.levels[at]._replace(symbols=int(random.integers(0, 2**32)))
    return Mutated(_packed(packet._replace(header=header)), "lying header", other=header.setting is not None)


def _streams(data: bytes, others: list[bytes], random: np.random.Generator) -> bytes:
    """Streams swapped, dropped, doubled, emptied, damaged, or another file's."""
    packet = unpack(data)
    level = int(random.integers(0, len(packet.levels)))
    streams = list(packet.levels[level].streams)
    at = int(random.integers(0, len(streams)))
    match int(random.integers(0, 8)):
        case 0:
            streams.reverse()
        case 1:
            del streams[at]
        case 2:
            streams.insert(at, streams[at])
        case 3:
            streams[at] = b""
        case 4:
            streams[at] = streams[at][: 4 * int(random.integers(0, len(streams[at]) // 4 + 1))]
        case 5:
            streams[at] += random.bytes(4 * int(random.integers(1, 50)))
        case 6:
            theirs = unpack(others[int(random.integers(0, len(others)))]).levels[0].streams
            streams[at] = theirs[at % len(theirs)]
        case _:
            streams[at] = damaged(streams[at], random)
    return _packed(_with_streams(packet, level, streams))


def _levels(data: bytes, others: list[bytes], random: np.random.Generator) -> Mutated:
    """Levels swapped, doubled or dropped; a file that ends behind one of its levels is a whole one."""
    packet = unpack(data)
    at = int(random.integers(0, len(packet.levels)))
    levels = list(packet.levels)
    match int(random.integers(0, 3)):
        case 0:
            levels.reverse()
        case 1:
            levels.insert(at, levels[at])
        case _ if len(levels) > 1:
            del levels[at]
    header = packet.header._replace(levels=max(len(levels), packet.header.levels or 1))
    other = packet.header.levels is not None and levels == packet.levels[: len(levels)]
    return Mutated(_packed(packet._replace(header=header, levels=levels)), "levels", other)


def _noise(data: bytes, others: list[bytes], random: np.random.Generator) -> bytes:
    """Streams of random words, which decode to whatever symbols they are, escapes among them."""
    packet = unpack(data)
    level = int(random.integers(0, len(packet.levels)))
    random_words = [random.bytes(4 * int(random.integers(2, 400))) for _ in packet.levels[level].streams]
    return _packed(_with_streams(packet, level, [words[:7] + b"\1" + words[8:] for words in random_words]))


def _with_streams(packet: Packet, level: int, streams: list[bytes]) -> Packet:
    levels = list(packet.levels)
    levels[level] = Level(streams, levels[level].symbols)
    return packet._replace(levels=levels)


def _packed(packet: Packet) -> bytes:
    """The bytes of a file with all checks right, of the packet's version where that could hold it."""
    whole = pack(packet.header, packet.levels)
    if whole[3] == 4:
        return whole
    return signed(whole[:3] + bytes([packet.version]) + whole[4:-4])


def _header_damage(data: bytes, others: list[bytes], random: np.random.Generator) -> Mutated:
    at = read_header(data)[1]
    return Mutated(
        signed(data[:4] + damaged(data[4 : at - 4], random)) + data[at:], "header damaged, signed", other=True
    )


def _lying_header(data: bytes, others: list[bytes], random: np.random.Generator) -> Mutated:
    header, at = read_header(data)
    numbers = [header.width, header.height, *header.rate.as_integer_ratio(), header.gop]
    numbers[int(random.integers(0, 5))] = int(random.choice(SIDES))
    numbers[int(random.integers(0, 2))] = int(random.choice(SIDES))
    size = len(b"".join(map(varint, [header.width, header.height, *header.rate.as_integer_ratio(), header.gop])))
    frames = header.frames if random.random() < 0.7 else int(random.choice((0, 1, 4, 1000, 100 * len(data), 2**32 - 1)))
    head = data[: at - 8 - size] + b"".join(map(varint, numbers)) + frames.to_bytes(4, "little")
    return Mutated(signed(head) + data[at:], "lying header", other=True)


def _packet_damage(data: bytes, others: list[bytes], random: np.random.Generator) -> Mutated:
    """One packet, damaged and signed: where it stands and what it is predicted from may be a lie then."""
    at, whole = read_header(data)[1], _whole(data)
    chosen = int(random.integers(0, len(whole)))
    packets = _bodies(data, at, whole)
    packets[chosen] = damaged(packets[chosen], random)
    return Mutated(data[:at] + b"".join(map(_signed16, packets)), "packet damaged, signed", other=True)


def _stream_damage(data: bytes, others: list[bytes], random: np.random.Generator) -> bytes:
    """The last bytes of one packet's streams, of the same length: where it stands is as it was."""
    at, whole = read_header(data)[1], _whole(data)
    packets = _bodies(data, at, whole)
    chosen = int(random.integers(0, len(packets)))
    tail = 2 * (data[3] < 4)
    body = bytearray(packets[chosen])
    end = len(body) - tail
    first = max(end - sum(map(len, whole[chosen].streams)), 0)
    for _ in range(int(random.integers(1, 4))):
        body[int(random.integers(first, end))] ^= 1 << int(random.integers(0, 8))
    packets[chosen] = bytes(body)
    return data[:at] + b"".join(map(_signed16, packets))


def _packets_moved(data: bytes, others: list[bytes], random: np.random.Generator) -> Mutated:
    at, whole = read_header(data)[1], _whole(data)
    packets = [_signed16(body) for body in _bodies(data, at, whole)]
    packets = [packets[int(i)] for i in random.integers(0, len(packets), int(random.integers(0, 9)))]
    return Mutated(data[:at] + b"".join(packets), "packets moved", other=True)


def _clip_version(data: bytes, others: list[bytes], random: np.random.Generator) -> Mutated:
    at = read_header(data)[1]
    version = bytes([int(random.integers(0, 8))])
    return Mutated(signed(data[:3] + version + data[4 : at - 4]) + data[at:], "version", other=True)


def _whole(data: bytes) -> list[FramePacket]:
    return [packet for packet in read_packets(data) if isinstance(packet, FramePacket)]


def _bodies(data: bytes, at: int, packets: list[FramePacket]) -> list[bytes]:
    out = []
    for packet in packets:
        out.append(data[at : at + packet.size - 2])
        at += packet.size
    return out


def _signed16(body: bytes) -> bytes:
    return body + crc_hqx(body, 0xFFFF).to_bytes(2, "little")


IMAGE_WAYS = {
    "damaged": _plain,
    "spliced": _spliced,
    "damaged, signed": _signed_damage,
    "version": _version,
    "lying sides": _lying_sides,
    "lying header": _lying_rest,
    "streams changed": _streams,
    "streams of noise": _noise,
    "levels": _levels,
}
CLIP_WAYS = {
    "damaged": _plain,
    "spliced": _spliced,
    "header damaged, signed": _header_damage,
    "lying header": _lying_header,
    "packet damaged, signed": _packet_damage,
    "streams damaged, signed": _stream_damage,
    "packets moved": _packets_moved,
    "version": _clip_version,
}
