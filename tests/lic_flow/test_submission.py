import struct
import warnings
from pathlib import Path

import numpy as np
import pytest

from common.data.flow_files import read_flow
from common.errors import LicError
from lic_flow.submission import write_kitti2012, write_kitti2015, write_sintel


def a_flow(spread: float = 50.0) -> np.ndarray:
    return np.random.default_rng(0).normal(0, spread, (2, 5, 7)).astype(np.float32)


def test_sintel_is_laid_out_as_the_bundler_takes_it(tmp_path: Path) -> None:
    out = tmp_path / "new" / "sintel"
    for render in ("clean", "final"):
        for frame in (1, 2):
            assert write_sintel(out, f"ambush_1/frame_000{frame}", a_flow(), render).is_file()
    written = sorted(file.relative_to(out).as_posix() for file in out.rglob("*") if file.is_file())
    assert written == [
        "clean/ambush_1/frame0001.flo",
        "clean/ambush_1/frame0002.flo",
        "final/ambush_1/frame0001.flo",
        "final/ambush_1/frame0002.flo",
    ]
    content = (out / written[0]).read_bytes()
    assert content[:12] == struct.pack("<fii", 202021.25, 7, 5)
    assert (np.frombuffer(content[12:], "<f4").reshape(5, 7, 2).transpose(2, 0, 1) == a_flow()).all()


def test_kitti_2012_is_in_the_root_and_2015_in_its_folder(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        old = write_kitti2012(tmp_path / "2012", "000007_10.png", a_flow())
        new = write_kitti2015(tmp_path / "2015", "000199_10", a_flow())
    assert old == tmp_path / "2012" / "000007_10.png" and new == tmp_path / "2015" / "flow" / "000199_10.png"
    for file in (old, new):
        header = file.read_bytes()
        assert header[:8] == b"\x89PNG\r\n\x1a\n" and header[24:26] == bytes([16, 2]), "16 bits, three channels"
        flow, valid = read_flow(file)
        assert valid.all() and np.abs(flow - a_flow()).max() <= 1 / 128


def test_kitti_clips_what_its_format_does_not_hold_and_says_so(tmp_path: Path) -> None:
    flow = a_flow()
    flow[:, 0, :4] = [[-512.01, -512.0, 511.984375, 600.0], [0, 0, 0, -9000.0]]
    with pytest.warns(UserWarning, match=r"2 of 35 pixels .* were clipped\."):
        path = write_kitti2015(tmp_path, "000000_10", flow)
    assert read_flow(path).flow[:, 0, :4].tolist() == [[-512, -512, 511.984375, 511.984375], [0, 0, 0, -512]]


def test_what_no_server_would_take_is_refused(tmp_path: Path) -> None:
    for name in ("000000_11", "frame_0001", "../000000_10", "000000_10.flo"):
        with pytest.raises(LicError, match="000000_10"):
            write_kitti2012(tmp_path, name, a_flow())
    for name in ("frame_0001", "ambush_1/frame_1", "../up/frame_0001", "000000_10"):
        with pytest.raises(LicError, match="ambush_1/frame_0001"):
            write_sintel(tmp_path, name, a_flow(), "clean")
    broken = a_flow()
    broken[0, 0, 0] = np.nan
    with pytest.raises(LicError, match="NaN"):
        write_sintel(tmp_path, "ambush_1/frame_0001", broken, "clean")
    with pytest.raises(LicError, match="NaN"):
        write_kitti2015(tmp_path, "000000_10", broken)
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(LicError, match="cannot be created"):
        write_sintel(tmp_path / "taken", "ambush_1/frame_0001", a_flow(), "clean")
