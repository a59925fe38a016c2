"""The .lic container, and the bytes of every version, which must be decoded for ever."""

import copy
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from common.coding.describe import describe_file
from common.entropy import container, mixture, rans
from common.entropy.container import PLAIN_VERSION, VERSION, Header, Level, Packet, pack, sizes, unpack, weights_digest
from common.entropy.streams import symbol_checksum
from common.errors import StreamError

HEADER = Header(b"I", "swift", bytes(range(8)), 768, 512, False)


TWO = Level([b"one stream", b"another"], 12345)
SET = HEADER._replace(setting=300)
LEVELLED = SET._replace(levels=3)


def tables() -> rans.Tables:
    cdf = [[0, 16384, 49152, 65535, 65536], [0, 60000, 65536, 0, 0]]
    return rans.make_tables(np.array(cdf), np.array([5, 3]), np.array([-1, 7]))


def golden_symbols() -> tuple[np.ndarray, np.ndarray]:
    return np.array([0, 0, -1, 7, 1, 2**31 - 1, 7, 0, -(2**31), 8]), np.array([0, 0, 0, 1, 0, 0, 1, 0, 1, 1])


def golden_mixture() -> list[np.ndarray]:
    scales, means = (
        np.array([[0.11, 1, 30, 256, 2], [1, 1, 1, 1, 0.5]]),
        np.array([[0.2, -3, 1e5, 7.7, 0], [0, 9, 8, 7, 6]]),
    )
    weights = np.array([[0.5, 0.25, 1, 0.9, 0], [0.5, 0.75, 0, 0.1, 1]])
    return [a.astype(np.float32) for a in (scales, means, weights)]


GOLDEN = (
    "4c4943014900057377696674000102030405060780068004021451fc97590180385c9a530000ff7ffffde00ecfcb0e00"
    "60f6546f803b6518d208d58a5797"
)


GOLDEN_OF_LEVELS = (
    "4c494304490c057377696674000102030405060780068004ac020302140851fc97590180385c9a530000ff7ffffde00e"
    "cfcb0e0060f6546f803b6518d208bed0a59f0000000000ae1409e6"
)


def in_version(version: int) -> bytes:
    """GOLDEN, whose layout all versions share."""
    return signed(b"LIC" + bytes([version]) + bytes.fromhex(GOLDEN)[4:-4])


def signed(body: bytes) -> bytes:
    return body + zlib.crc32(body).to_bytes(4, "little")


def write_golden() -> bytes:
    with symbol_checksum() as checksum:
        streams = [
            rans.encode(*golden_symbols(), tables()),
            mixture.encode(np.array([0, -4, 100_031, -900, 6]), *golden_mixture()),
        ]
    return pack(HEADER, [Level(streams, checksum.value)])


@pytest.mark.parametrize("version", [1, 2, PLAIN_VERSION])
def test_every_version_decodes_for_ever(version: int) -> None:
    packet = unpack(in_version(version))
    assert packet.header == HEADER and packet.version == version
    ((streams, expected),) = packet.levels
    symbols, indexes = golden_symbols()
    with symbol_checksum() as checksum:
        assert rans.decode(streams[0], indexes, tables()).tolist() == symbols.tolist()
        assert mixture.decode(streams[1], *golden_mixture()).tolist() == [0, -4, 100_031, -900, 6]
    assert checksum.value == expected


def test_the_present_version_is_what_is_written() -> None:
    """A difference here is a new format version."""
    assert write_golden() == in_version(PLAIN_VERSION)


def test_version_4_is_read_for_ever() -> None:
    """Two of three levels at an operating point, the first with the streams of GOLDEN."""
    packet = unpack(bytes.fromhex(GOLDEN_OF_LEVELS))
    assert packet.header == LEVELLED and packet.version == 4 and not packet.cut
    assert packet.levels == [*unpack(in_version(PLAIN_VERSION)).levels, Level([], 0)]
    assert pack(packet.header, packet.levels).hex() == GOLDEN_OF_LEVELS


@pytest.mark.parametrize("streams", [[], [b""], [b"abc"], [b"", b""], [b"x" * 1000, b"", b"yz"]])
@pytest.mark.parametrize("grey", [False, True])
def test_round_trip(streams: list[bytes], grey: bool) -> None:
    header = HEADER._replace(grey=grey, model="compressai/größe", width=1, height=2**20)
    level = Level(streams, 2**32 - 1)
    assert unpack(pack(header, [level])) == Packet(header, [level])
    set_ = header._replace(setting=1000)
    assert unpack(pack(set_, [level])) == Packet(set_, [level], VERSION)
    both = header._replace(setting=0, levels=3)
    assert unpack(pack(both, [level, level])) == Packet(both, [level, level], VERSION)


def test_overhead() -> None:
    assert len(pack(HEADER, [Level([bytes(3000), bytes(300)], 0)])) - 3300 <= 36


@pytest.mark.parametrize("header", [HEADER, SET, LEVELLED])
def test_every_flipped_bit_and_every_cut(header: Header) -> None:
    data = pack(header, [TWO])
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(StreamError):
            unpack(bytes(damaged))
    for size in range(len(data)):
        with pytest.raises(StreamError):
            unpack(data[:size])
    for more in (b"\0", data, b"garbage"):
        if header.levels:
            assert unpack(data + more).cut and unpack(data + more).levels == [TWO]
            continue
        with pytest.raises(StreamError):
            unpack(data + more)


def test_what_ends_behind_a_level_is_a_whole_file() -> None:
    levels = [TWO, Level([], 7), Level([b"", b"x" * 300], 8)]
    whole = pack(LEVELLED, levels)
    ends = [len(pack(LEVELLED, levels[: n + 1])) for n in range(3)]
    for end in ends:
        assert whole[:end] == pack(LEVELLED, levels[: ends.index(end) + 1])
    for size in range(ends[0], len(whole) + 1):
        found = unpack(whole[:size])
        complete = sum(end <= size for end in ends)
        assert found.levels == levels[:complete] and found.cut == (size not in ends)


def test_sizes_are_those_of_the_files() -> None:
    levels = [TWO, Level([], 7), Level([b"", b"x" * 300], 8)]
    assert sizes(LEVELLED, levels) == [len(pack(LEVELLED, levels[: n + 1])) for n in range(3)]
    assert sizes(HEADER, [TWO]) == [len(pack(HEADER, [TWO]))]


def test_work_grows_with_the_bytes_of_a_file_and_not_with_those_times_its_levels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    summed = 0

    def counting(data: bytes | memoryview, value: int = 0) -> int:
        nonlocal summed
        summed += len(data)
        return zlib.crc32(data, value)

    levels = [Level([b"stream"], n) for n in range(500)]
    monkeypatch.setattr(container, "zlib", SimpleNamespace(crc32=counting))
    whole = pack(HEADER._replace(levels=500), levels)
    assert summed <= len(whole)
    assert unpack(whole).levels == levels
    assert summed <= 2 * len(whole)
    (tmp_path / "many.lic").write_bytes(whole)
    describe_file(tmp_path / "many.lic")
    assert summed <= 4 * len(whole)
    assert f"up to 500 {len(whole)} bytes" in capsys.readouterr().out


def test_a_damaged_level_is_named_and_those_before_it_are_read() -> None:
    levels = [TWO, Level([b"second"], 7), Level([b"third"], 8)]
    whole, begin = pack(LEVELLED, levels), len(pack(LEVELLED, levels[:2]))
    damaged = bytearray(whole)
    damaged[begin - 5] ^= 1  # in the stream of the second level
    with pytest.raises(StreamError, match=r"Level 2.*--level 1"):
        unpack(bytes(damaged))
    assert unpack(bytes(damaged), levels=1).levels == levels[:1]
    with pytest.raises(StreamError):
        unpack(whole + b"more")
    assert unpack(whole, levels=2).levels == levels[:2]


def test_hostile_files_with_a_right_check_sum() -> None:
    """Cut, lengthened or with any byte replaced before signing: never anything but StreamError, or a sane packet."""
    body = pack(HEADER, [TWO])[:-4]
    for size in range(len(body) - len(b"another")):
        with pytest.raises(StreamError):
            unpack(signed(body[:size]))
    for place in range(len(body)):
        for value in range(0, 256, 5):
            try:
                packet = unpack(signed(body[:place] + bytes([value]) + body[place + 1 :]))
            except StreamError:
                continue
            assert sum(map(len, packet.levels[0].streams)) <= len(body)
            assert packet.header.width * packet.header.height <= 2**28


def test_a_name_that_could_not_be_written_is_not_read() -> None:
    body = pack(HEADER, [TWO])[:-4]
    with pytest.raises(StreamError, match="contradicts"):
        unpack(signed(body[:6] + container.varint(256) + b"x" * 256 + body[6 + 1 + len("swift") :]))


def test_giants_are_refused_and_the_way_out_is_named() -> None:
    data = pack(HEADER._replace(width=60_000, height=60_000), [Level([b""], 0)])
    with pytest.raises(StreamError, match=r"60000 x 60000.*--max-pixels"):
        unpack(data)
    assert unpack(data, max_pixels=60_000**2).header.width == 60_000


def test_messages() -> None:
    with pytest.raises(StreamError, match=r"not a \.lic file"):
        unpack(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(StreamError, match=r"not a \.lic file"):
        unpack(b"")
    with pytest.raises(StreamError, match=r"version 5.*up to 4"):
        unpack(signed(b"LIC\x05" + bytes(40)))
    with pytest.raises(StreamError, match="damaged"):
        unpack(pack(HEADER, [Level([b"abc"], 0)])[:-1])


@pytest.mark.parametrize(
    "header",
    [
        HEADER._replace(width=0),
        HEADER._replace(height=2**32),
        HEADER._replace(digest=b"short"),
        HEADER._replace(model="x" * 256),
        HEADER._replace(kind=b"V"),
        HEADER._replace(setting=-1),
    ],
)
def test_what_cannot_be_written(header: Header) -> None:
    with pytest.raises(ValueError):
        pack(header, [TWO])
    with pytest.raises(ValueError):
        pack(HEADER, [TWO, TWO])


def test_weights_digest() -> None:
    state = {"b": torch.arange(6.0).reshape(2, 3), "a.scale_table": torch.ones(2), "n": torch.tensor(3)}
    digest = weights_digest(state)
    assert len(digest) == 8
    assert digest == weights_digest(dict(reversed(state.items())))
    tables_added = {f"a.{name}": torch.zeros(4) for name in container._NOT_WEIGHTS}
    assert digest == weights_digest({**state, **tables_added})
    for key, value in [
        ("b", torch.arange(6.0).reshape(3, 2)),
        ("b", torch.arange(6.0).reshape(2, 3).half()),
        ("a.scale_table", torch.tensor([1, 1.0000001])),
        ("n", torch.tensor(4)),
        ("new", torch.zeros(0)),
    ]:
        changed = {**copy.deepcopy(state), key: value}
        assert digest != weights_digest(changed), key
