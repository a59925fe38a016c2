"""Every published set in its own layout: which sequences, of which size and rate, and what is said of a wrong one."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from common.data.sequences import Sequence
from common.data.video_writing import write_clip
from common.errors import LicError
from lic_video.datasets.hevc import CLASSES, hevc
from lic_video.datasets.mcl_jcv import mcl_jcv
from lic_video.datasets.uvg import uvg
from lic_video.datasets.vimeo90k import vimeo90k
from lic_video.datasets.vtl import vtl

UVG = ("Beauty", "Bosphorus", "HoneyBee", "Jockey", "ReadySteadyGo", "ShakeNDry", "YachtRide")
CLASS_C = ("BasketballDrill_832x480_50", "BQMall_832x480_60", "PartyScene_832x480_50", "RaceHorses_832x480_30")
CLASS_D = ("BasketballPass_416x240_50", "BlowingBubbles_416x240_50", "BQSquare_416x240_60", "RaceHorses_416x240_30")


def touched(root: Path, *stems: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for stem in stems:
        (root / f"{stem}.yuv").touch()
    return root


def test_hevc(tmp_path: Path) -> None:
    touched(tmp_path / "C", *CLASS_C)
    touched(tmp_path / "D", *CLASS_D)
    found = hevc(tmp_path, "D")
    assert [sequence[:4] for sequence in found] == [
        ("BasketballPass", tmp_path / "D" / "BasketballPass_416x240_50.yuv", (416, 240), 50),
        ("BlowingBubbles", tmp_path / "D" / "BlowingBubbles_416x240_50.yuv", (416, 240), 50),
        ("BQSquare", tmp_path / "D" / "BQSquare_416x240_60.yuv", (416, 240), 60),
        ("RaceHorses", tmp_path / "D" / "RaceHorses_416x240_30.yuv", (416, 240), 30),
    ]
    last = hevc(tmp_path, "C")[3]
    assert last.name == "RaceHorsesC" and last.size == (832, 480) and last.path.parent.name == "C"
    with pytest.raises(
        LicError, match=r"lacks 5 of the 5 sequences of HEVC class B, such as BasketballDrive_1920x1080"
    ):
        hevc(tmp_path, "B")
    (tmp_path / "D" / "BQSquare_416x240_60.yuv").unlink()
    with pytest.raises(LicError, match=r"lacks 1 of the 4 sequences of HEVC class D, such as BQSquare_416x240_60\.yuv"):
        hevc(tmp_path, "D")
    with pytest.raises(LicError, match=r"no class 'F' .* choose one of B, C, D, E"):
        hevc(tmp_path, "F")
    touched(tmp_path, "BQMall_832x480_60")
    with pytest.raises(LicError, match="are both the sequence BQMall"):
        hevc(tmp_path, "C")


def test_the_classes_have_their_numbers_and_sizes(tmp_path: Path) -> None:
    sizes = {"B": (1920, 1080), "C": (832, 480), "D": (416, 240), "E": (1280, 720)}
    for cls, count in {"B": 5, "C": 4, "D": 4, "E": 3}.items():
        files = [known if isinstance(known, str) else known[0] for known in CLASSES[cls].values()]
        found = hevc(touched(tmp_path / cls, *files), cls)
        assert len(found) == count and {sequence.size for sequence in found} == {sizes[cls]}
    names = [name for known in CLASSES.values() for name in known]
    assert len(set(names)) == 16


def test_a_sequence_gives_its_frames(tmp_path: Path) -> None:
    touched(tmp_path, *CLASS_D)
    one = 416 * 240 * 3 // 2
    (tmp_path / "BQSquare_416x240_60.yuv").write_bytes(one * b"\x10" + one * b"\xeb")
    sequence = hevc(tmp_path, "D")[2]
    for _ in range(2):
        frames = list(sequence.clip())
        assert len(frames) == 2 and frames[0].shape == (240, 416, 3) and frames[0].dtype == np.uint8
    assert sequence.clip().info == (416, 240, 60, 2, "ffmpeg_default")
    assert sequence._replace(conversion="bt709").clip().info.conversion == "bt709"


def test_uvg(tmp_path: Path) -> None:
    stems = [f"{name}_1920x1080_120fps_420_8bit_YUV" for name in UVG]
    touched(tmp_path, *stems, "Beauty_3840x2160_120fps_420_8bit_YUV", "Jockey_1920x1080_120fps_420_10bit_YUV")
    found = uvg(tmp_path)
    assert [sequence.name for sequence in found] == list(UVG)
    assert {(sequence.size, sequence.rate) for sequence in found} == {((1920, 1080), 120)}
    assert found[3].path.name == "Jockey_1920x1080_120fps_420_8bit_YUV.yuv"
    (tmp_path / f"{stems[4]}.yuv").rename(tmp_path / "ReadySetGo_1920x1080_120fps_420_8bit_YUV.yuv")
    assert [sequence.name for sequence in uvg(tmp_path)] == list(UVG)
    found[0].path.unlink()
    with pytest.raises(
        LicError, match=r"lacks 1 of the 7 .* of UVG, such as Beauty_1920x1080_120fps_420_8bit_YUV\.yuv"
    ):
        uvg(tmp_path)


def test_mcl_jcv(tmp_path: Path) -> None:
    stems = [f"videoSRC{n:02d}_1920x1080_{(24, 25, 30)[n % 3]}" for n in range(1, 31)]
    touched(tmp_path / "clips", *stems)
    found = mcl_jcv(tmp_path)
    assert len(found) == 30 and found[0].name == "videoSRC01" and found[0].rate == 25 and found[29].rate == 24
    found[11].path.unlink()
    with pytest.raises(LicError, match=r"lacks 1 of the 30 sequences of MCL-JCV, such as videoSRC12_1920x1080"):
        mcl_jcv(tmp_path)


def test_vtl(tmp_path: Path) -> None:
    cif = np.zeros((288, 352, 3), np.uint8)
    write_clip(tmp_path / "akiyo_cif.y4m", [cif, cif], 29.97)
    (tmp_path / "mobile_cif.yuv").write_bytes(bytes(3 * 352 * 288 * 3 // 2))
    (tmp_path / "carphone_qcif.yuv").write_bytes(bytes(100))
    found = vtl(tmp_path)
    assert found == [
        Sequence("akiyo", tmp_path / "akiyo_cif.y4m", None, Fraction(30000, 1001)),
        Sequence("mobile", tmp_path / "mobile_cif.yuv", (352, 288), Fraction(30)),
    ]
    assert [len(list(sequence.clip())) for sequence in found] == [2, 3]
    write_clip(tmp_path / "garden_cif.y4m", [cif[:240]], 30)
    with pytest.raises(LicError, match=r"garden_cif\.y4m has 352x240 pixels and CIF has 352x288"):
        vtl(tmp_path)
    (tmp_path / "garden_cif.y4m").unlink()
    (tmp_path / "akiyo_cif.yuv").write_bytes(bytes(352 * 288 * 3 // 2))
    with pytest.raises(LicError, match="are both the sequence akiyo"):
        vtl(tmp_path)


@pytest.mark.parametrize("above", [False, True])
def test_vimeo90k(tmp_path: Path, above: bool) -> None:
    root = tmp_path / "vimeo_septuplet"
    septuplets = ["00001/0001", "00001/0002", "00002/0001"]
    for name in septuplets:
        (root / "sequences" / name).mkdir(parents=True)
    (root / "sep_trainlist.txt").write_text("00002/0001\n00001/0001\n\n")
    (root / "sep_testlist.txt").write_text("00001/0002\n")
    given = tmp_path if above else root
    assert vimeo90k(given, "train") == [root / "sequences" / "00002" / "0001", root / "sequences" / "00001" / "0001"]
    assert vimeo90k(given, "test") == [root / "sequences" / "00001" / "0002"]
    with pytest.raises(LicError, match="no split of Vimeo-90k 'val'; choose one of train, test"):
        vimeo90k(given, "val")
    (root / "sequences" / "00002" / "0001").rmdir()
    with pytest.raises(LicError, match=r"lacks 1 of the 2 septuplets in sep_trainlist\.txt, the first 00002/0001"):
        vimeo90k(given, "train")
    (root / "sep_testlist.txt").unlink()
    with pytest.raises(LicError, match=r"has no sep_testlist\.txt"):
        vimeo90k(given, "test")
    (root / "sequences").rename(root / "septuplets")
    with pytest.raises(LicError, match="has no folder sequences"):
        vimeo90k(given, "train")


@pytest.mark.parametrize("layout", [uvg, mcl_jcv, vtl, vimeo90k, lambda root: hevc(root, "B")])
def test_what_is_not_there_is_said(tmp_path: Path, layout: Callable[[Path], object]) -> None:
    with pytest.raises(LicError, match=r"there is no folder .*nowhere, where .* should be; give the folder to which"):
        layout(tmp_path / "nowhere")
    with pytest.raises(LicError, match=r"lacks|holds no|has no"):
        layout(tmp_path)
