"""Clips' files: what is written is read; what is damaged is named, and what is whole behind it is still read."""

import io
import random
import time
import zlib
from binascii import crc_hqx
from fractions import Fraction
from pathlib import Path

import pytest
from support.old_clips import in_the_layout_before

from common.entropy.container import varint
from common.entropy.video_container import (
    MARKER,
    Damage,
    FramePacket,
    PacketFile,
    VideoHeader,
    describe_clip,
    read_header,
    read_packets,
    write_header,
)
from common.errors import StreamError

HEADER = VideoHeader("ofmc", b"12345678", 427, 240, Fraction(30000, 1001), 4, "bi", "bt709", 0)


def packets(seed: int = 0) -> list[FramePacket]:
    """I0 P1 P2 I4 B3 P5 P6 I8 B7, with one to three streams each."""
    rng = random.Random(seed)
    order = [(0, 0), (1, 1), (2, 1), (4, 0), (3, 2), (5, 1), (6, 1), (8, 0), (7, 2)]
    streams = [[rng.randbytes(rng.randint(0, 200)) for _ in range(rng.randint(1, 3))] for _ in order]
    return [FramePacket(*frame, held) for frame, held in zip(order, streams)]


def written(chosen: list[FramePacket]) -> tuple[bytes, list[int]]:
    """A file, and where each packet ends."""
    file = io.BytesIO()
    out = PacketFile(file, HEADER)
    ends = []
    for packet in chosen:
        size = out.write(packet)
        ends.append(file.tell())
        assert size == ends[-1] - (ends[-2] if len(ends) > 1 else read_header(file.getvalue())[1])
    out.finish(len(chosen))
    return file.getvalue(), ends


def read(data: bytes) -> list[FramePacket]:
    found = read_packets(data)
    return [packet._replace(size=0) for packet in found if isinstance(packet, FramePacket)]


def test_what_is_written_is_read() -> None:
    data, _ = written(packets())
    header, start = read_header(data)
    assert header == HEADER._replace(frames=9)
    assert read(data) == packets()
    assert start + sum(packet.size for packet in read_packets(data)) == len(data)  # type: ignore[union-attr]


def test_a_p_packet_has_four_bytes_beside_a_short_stream_and_five_beside_a_longer_one() -> None:
    _, ends = written([FramePacket(0, 0, [b"x"]), FramePacket(1, 1, [63 * b"x"]), FramePacket(2, 1, [8191 * b"x"])])
    assert ends[1] - ends[0] == 63 + 4 and ends[2] - ends[1] == 8191 + 5


def test_the_bytes_are_those_of_the_format() -> None:
    """Format 5 is fixed: other bytes are a new version."""
    data, ends = written([FramePacket(0, 0, [b"ab", b"c"])])
    start = read_header(data)[1]
    assert data[:6] == b"LIC\x05V\x01" and data[6:11] == b"\x04ofmc" and data[11:17] == b"\x05bt709"
    assert data[17:25] == b"12345678"
    assert data[25:35] == bytes([0xAB, 3, 0xF0, 1, 0xB0, 0xEA, 1, 0xE9, 7, 4]) and data[35:39] == bytes([1, 0, 0, 0])
    assert data[start : ends[0] - 2] == MARKER + bytes([0, 0, 5, 2]) + b"abc"


@pytest.mark.parametrize("place", range(9))
def test_a_flipped_bit_anywhere_in_a_packet_loses_no_more_than_its_group(place: int) -> None:
    chosen = packets()
    data, ends = written(chosen)
    begin = read_header(data)[1] if place == 0 else ends[place - 1]
    group = {0: {0, 1, 2}, 3: {4, 3, 5, 6}, 7: {8, 7}}  # frames that a lost I packet takes along
    for bit in range(8 * begin, 8 * ends[place]):
        broken = bytearray(data)
        broken[bit // 8] ^= 1 << bit % 8
        found = read(bytes(broken))
        assert all(packet in chosen for packet in found), bit
        lost = {packet.place for packet in chosen} - {packet.place for packet in found}
        allowed = next(frames for frames in group.values() if chosen[place].place in frames)
        assert chosen[place].place in lost and lost <= allowed, (bit, lost)


def test_a_damaged_p_packet_alone_is_lost_where_its_lengths_are_whole() -> None:
    chosen = packets(1)
    data, ends = written(chosen)
    broken = bytearray(data)
    broken[ends[1] - 5] ^= 1  # within the streams of P1
    assert [packet.place for packet in read(bytes(broken))] == [0, 2, 4, 3, 5, 6, 8, 7]
    assert Damage(ends[0]) in list(read_packets(bytes(broken)))


def test_a_cut_file_gives_all_whole_packets() -> None:
    chosen = packets()
    data, ends = written(chosen)
    for end in range(ends[2], len(data)):
        whole = sum(e <= end for e in ends)
        assert read(data[:end]) == chosen[:whole]


@pytest.mark.parametrize("version", [2, 3])
def test_files_of_versions_before_are_read(version: int) -> None:
    chosen = [packet._replace(symbols=999 * packet.place) for packet in packets()]
    old = in_the_layout_before(HEADER, chosen, version)
    assert read_header(old)[0] == HEADER._replace(frames=9, version=version) and read(old) == chosen
    assert f"format version {version}" in describe_clip(Path("old.lic"), old)
    broken = bytearray(old)
    broken[-5] ^= 1  # within the streams of B7
    assert read(bytes(broken)) == chosen[:-1]


def test_wrong_headers_are_named() -> None:
    data, _ = written(packets())
    with pytest.raises(StreamError, match=r"not a [.]lic file"):
        read_header(b"RIFF")
    with pytest.raises(StreamError, match="image, not a clip"):
        read_header(data[:4] + b"I" + data[5:])
    with pytest.raises(StreamError, match="version 9"):
        read_header(data[:3] + bytes([9]) + data[4:])
    with pytest.raises(StreamError, match="header is damaged"):
        read_header(data[:8] + bytes([data[8] ^ 1]) + data[9:])
    with pytest.raises(StreamError):
        read_header(data[:20])
    with pytest.raises(StreamError, match="contradicts itself"):
        read_header(headed(HEADER, name=b"\xffmc"))
    with pytest.raises(StreamError, match="contradicts itself"):
        read_header(headed(HEADER._replace(frames=2**32 - 1)))
    with pytest.raises(StreamError, match="contradicts itself"):  # they would all be written, as lost ones
        read_header(headed(HEADER._replace(frames=20_000)))


def headed(header: VideoHeader, name: bytes = b"ofmc") -> bytes:
    """A file without packets whose header has the right checksum, whatever it says."""
    file = io.BytesIO()
    write_header(file, header)
    body = file.getvalue()[:-4].replace(b"\x04ofmc", bytes([len(name)]) + name)
    return body + zlib.crc32(body).to_bytes(4, "little")


def packet_of(place: int, claimed: int = 1) -> bytes:
    """An I packet with a right checksum, or only what stands before a stream of `claimed` bytes."""
    body = MARKER + varint(place) + bytes([0]) + varint(2 * claimed)
    return body + b"x" + crc_hqx(body + b"x", 0xFFFF).to_bytes(2, "little") if claimed == 1 else body


def test_a_place_that_no_clip_has_is_damage() -> None:
    """Not four thousand million lost frames, one after the other."""
    cut = headed(HEADER)
    assert [type(p) for p in read_packets(cut + packet_of(7) + packet_of(2**32 - 1))] == [FramePacket, Damage]
    whole = headed(HEADER._replace(frames=9))
    assert [type(p) for p in read_packets(whole + packet_of(9) + packet_of(8))] == [Damage, FramePacket]


def test_markers_that_claim_much_do_not_take_long() -> None:
    """Each one's checksum would be taken over half of the file; behind many, the rest is given up."""
    flood = headed(HEADER) + (packet_of(0, claimed=400_000) + b"y") * 60_000
    assert len(flood) > 500_000
    begin = time.process_time()
    assert [type(p) for p in read_packets(flood)] == [Damage]
    took = time.process_time() - begin
    begin = time.process_time()
    for _ in range(60):
        crc_hqx(flood[len(flood) // 2 :], 0)
    assert took < 1000 * (time.process_time() - begin) / 20, "a twentieth of what all the checksums would take"


def test_packets_that_could_not_be_read_are_not_written() -> None:
    for streams in ([], 65 * [b"x"]):
        with pytest.raises(ValueError, match="1 to 64 streams"):
            PacketFile(io.BytesIO(), HEADER).write(FramePacket(0, 0, streams))
