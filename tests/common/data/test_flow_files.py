import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from common.data.flow_files import read_flow, read_pfm, write_flow, write_pfm
from common.errors import LicError

FLO = b"PIEH" + struct.pack("<ii4f", 2, 1, 1.5, -2.0, 0.25, 1024.0)  # (1.5, -2) and (0.25, 1024)


def png(rgb: NDArray[np.uint16], bits: int = 16, colour: int = 2) -> bytes:
    """A PNG file, written by hand as its specification says: independent of what reads it."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    height, width = rgb.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2" if bits == 16 else "u1").tobytes() for row in rgb)
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def flow_of(height: int, width: int) -> NDArray[np.float32]:
    """Flow in steps of 1/64 pixel, which all three formats hold exactly."""
    return np.random.default_rng(7).integers(-30000, 30000, (2, height, width)).astype(np.float32) / 64


def test_flo_by_hand(tmp_path: Path) -> None:
    (tmp_path / "a.flo").write_bytes(FLO)
    flow, valid = read_flow(tmp_path / "a.flo")
    assert flow.dtype == np.float32 and valid.dtype == np.bool_ and valid.all()
    np.testing.assert_array_equal(flow, [[[1.5, 0.25]], [[-2, 1024]]])
    write_flow(tmp_path / "b.flo", flow)
    assert (tmp_path / "b.flo").read_bytes() == FLO
    assert struct.pack("<f", 202021.25) == b"PIEH"


@pytest.mark.parametrize(("order", "scale"), [("<", "-1.0"), (">", "1"), ("<", "-0.5")])
def test_pfm_by_hand(tmp_path: Path, order: str, scale: str) -> None:
    rows = struct.pack(order + "12f", *[3, 4, 9, 5, 6, 9], *[1, 2, 9, float("nan"), 7, 9])  # the lowest row first
    (tmp_path / "a.pfm").write_bytes(f"PF\n2 2\n{scale}\n".encode() + rows)
    flow, valid = read_flow(tmp_path / "a.pfm")
    np.testing.assert_array_equal(flow, [[[1, 0], [3, 5]], [[2, 0], [4, 6]]])
    np.testing.assert_array_equal(valid, [[True, False], [True, True]])


def test_one_channel_pfm_is_a_disparity(tmp_path: Path) -> None:
    (tmp_path / "d.pfm").write_bytes(b"Pf\n3 2\n-1\n" + struct.pack("<6f", 4, 5, 6, 1, 2, 3))
    np.testing.assert_array_equal(read_pfm(tmp_path / "d.pfm"), [[1, 2, 3], [4, 5, 6]])
    with pytest.raises(LicError, match="one channel"):
        read_flow(tmp_path / "d.pfm")
    write_pfm(tmp_path / "e.pfm", np.array([[1, 2, 3], [4, 5, 6]], np.float32))
    assert (tmp_path / "e.pfm").read_bytes() == b"Pf\n3 2\n-1.0\n" + struct.pack("<6f", 4, 5, 6, 1, 2, 3)


def test_kitti_by_hand(tmp_path: Path) -> None:
    rgb = np.array([[[32768, 32768, 1], [32769, 32767, 1]], [[65535, 0, 1], [0, 0, 0]]], np.uint16)
    (tmp_path / "a.png").write_bytes(png(rgb))
    flow, valid = read_flow(tmp_path / "a.png")
    np.testing.assert_array_equal(flow[0], [[0, 1 / 64], [511.984375, 0]])
    np.testing.assert_array_equal(flow[1], [[0, -1 / 64], [-512, 0]])
    np.testing.assert_array_equal(valid, [[True, True], [True, False]])
    write_flow(tmp_path / "b.png", flow, valid)
    again = read_flow(tmp_path / "b.png")
    np.testing.assert_array_equal(again.flow, flow)
    np.testing.assert_array_equal(again.valid, valid)
    high = np.asarray(Image.open(tmp_path / "b.png"))  # Pillow keeps the high bytes of 16 bits
    np.testing.assert_array_equal(high, rgb >> 8)


def test_kitti_rounds_and_clips(tmp_path: Path) -> None:
    write_flow(tmp_path / "a.png", np.array([[[0.011, 9999.0]], [[-0.011, -9999.0]]], np.float32))
    np.testing.assert_array_equal(read_flow(tmp_path / "a.png").flow, [[[1 / 64, 511.984375]], [[-1 / 64, -512]]])


@pytest.mark.parametrize("suffix", [".flo", ".pfm", ".png", ".FLO"])
def test_round_trip(tmp_path: Path, suffix: str) -> None:
    flow, valid = flow_of(13, 17), np.random.default_rng(1).random((13, 17)) < 0.7
    path = tmp_path / f"a{suffix}"
    flow[:, ~valid] = np.nan  # whatever is there, it is not written
    write_flow(path, flow, valid)
    again = read_flow(path)
    np.testing.assert_array_equal(again.valid, valid)
    np.testing.assert_array_equal(again.flow, np.where(valid, flow, 0))
    assert again.flow.dtype == np.float32 and again.flow.flags["C_CONTIGUOUS"]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]  # nothing is left beside it


def test_flo_marks_the_unknown_as_middlebury_does(tmp_path: Path) -> None:
    write_flow(tmp_path / "a.flo", np.ones((2, 1, 2), np.float32), np.array([[True, False]]))
    np.testing.assert_array_equal(
        np.frombuffer((tmp_path / "a.flo").read_bytes(), "<f4", offset=12), np.float32([1, 1, 1e10, 1e10])
    )
    (tmp_path / "b.flo").write_bytes(b"PIEH" + struct.pack("<ii4f", 2, 1, 1.7e9, 0.0, 0.0, -1.7e9))
    assert not read_flow(tmp_path / "b.flo").valid.any()


def test_nan_is_a_damaged_ground_truth(tmp_path: Path) -> None:
    nan = float("nan")
    (tmp_path / "a.flo").write_bytes(b"PIEH" + struct.pack("<ii6f", 3, 1, nan, 0.0, 1.0, float("inf"), 2.0, 2.0))
    with pytest.raises(LicError, match=r"a\.flo holds NaN or infinite flow at 2 of 3 pixels"):
        read_flow(tmp_path / "a.flo")
    with pytest.raises(LicError, match="not written: the flow is NaN or infinite at 1 of 2"):
        write_flow(tmp_path / "b.flo", np.array([[[nan, 0]], [[0, 0]]], np.float32))
    assert not (tmp_path / "b.flo").exists()


HUGE = png(np.zeros((1, 1, 3), np.uint16))
HUGE = HUGE[:16] + struct.pack(">II", 100000, 100000) + HUGE[24:]
HUGE = HUGE[:29] + struct.pack(">I", zlib.crc32(HUGE[12:29])) + HUGE[33:]
GOOD = png(np.full((4, 4, 3), 32768, np.uint16))


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.flo", b"JUNKJUNKJUNK", "does not begin with PIEH"),
        ("a.flo", b"", "does not begin with PIEH"),
        ("a.flo", FLO[:9], "within its header"),
        ("a.flo", FLO[:-3], "2x1 pixels, which take 16 bytes, and holds 13"),
        ("a.flo", FLO + b"more", "holds 20"),
        ("a.flo", b"PIEH" + struct.pack("<ii", -3, 5), "a size of -3x5"),
        ("a.flo", b"PIEH" + struct.pack("<ii", 2**31 - 1, 2**31 - 1), "truncated"),
        ("a.pfm", b"P6\n2 2\n255\n", "does not begin with PF"),
        ("a.pfm", b"PF\n2 2\n", "damaged header"),
        ("a.pfm", b"PF\n2\n-1\n", "damaged header"),
        ("a.pfm", b"PF\n2 2\n0\n" + bytes(48), "scale of 0"),
        ("a.pfm", b"PF\n2 2\n-1\n" + bytes(47), "truncated"),
        ("a.pfm", b"PF\n0 2\n-1\n", "a size of 0x2"),
        ("a.png", GOOD[:-20], "not a PNG file or damaged"),
        ("a.png", GOOD[:50] + b"!" + GOOD[51:], "not a PNG file or damaged"),
        ("a.png", b"GIF89a", "not a PNG file or damaged"),
        ("a.png", HUGE, "more pixels than any flow file"),
        ("a.png", png(np.zeros((2, 2, 3), np.uint16), bits=8), "8 bits and colour type 2; it may be a picture"),
        ("a.png", png(np.zeros((2, 2, 1), np.uint16), colour=0), "colour type 0"),
        ("a.txt", b"", "must be one of .flo, .pfm, .png"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LicError, match=sentence) as caught:
        read_flow(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize("name", ["a.flo", "a.pfm", "a.png"])
def test_what_is_missing_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(LicError, match="does not exist"):
        read_flow(tmp_path / name)
    (tmp_path / name).mkdir()
    with pytest.raises(LicError, match="is a folder"):
        read_flow(tmp_path / name)
    with pytest.raises(LicError, match="there is no folder"):
        write_flow(tmp_path / "none" / name, flow_of(2, 2))
