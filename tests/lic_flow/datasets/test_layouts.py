"""Every published set, in its own layout: which pairs, which ground truth, and what is said where it is damaged."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support import flow_folders as fake

from common.errors import LicError
from lic_flow.datasets.flyingchairs import flyingchairs
from lic_flow.datasets.flyingthings3d import flyingthings3d
from lic_flow.datasets.hd1k import hd1k
from lic_flow.datasets.kitti import kitti2012, kitti2015
from lic_flow.datasets.middlebury import middlebury
from lic_flow.datasets.pairs import FlowPairs, Pair
from lic_flow.datasets.sintel import sintel


def check(pairs: list[Pair], keys: list[tuple[str, str, str, str]], share: float = 1.0) -> FlowPairs:
    """``pairs`` are ``keys`` (name, first, second, flow), in order, and their files are read as they were written."""
    read = FlowPairs(pairs)
    assert [read.name(i) for i in range(len(read))] == [name for name, *_ in keys]
    for i, (_, first, second, flow) in enumerate(keys):
        sample, truth = read[i], fake.flow(flow, share=share)
        np.testing.assert_array_equal(sample["first"].permute(1, 2, 0), fake.picture(first))
        np.testing.assert_array_equal(sample["second"].permute(1, 2, 0), fake.picture(second))
        valid = sample["valid"].numpy()
        np.testing.assert_array_equal(sample["flow"], np.where(valid, truth.flow, 0))
        if not pairs[i].invalid:
            np.testing.assert_array_equal(valid, truth.valid)
    return read


@pytest.mark.parametrize("suffix", [".ppm", ".png", ".webp"])
@pytest.mark.parametrize("data", ["data", "."])
def test_flyingchairs(tmp_path: Path, suffix: str, data: str) -> None:
    root = fake.fake_flyingchairs(tmp_path, data=data, suffix=suffix)
    keys = [(n, f"{n}_img1", f"{n}_img2", f"{n}_flow") for n in ("00001", "00002", "00003")]
    check(flyingchairs(root, "train"), [keys[0], keys[2]])
    check(flyingchairs(root, "val"), [keys[1]])
    check(flyingchairs(root, "all"), keys)
    check(flyingchairs(root / data, "val"), [keys[1]])
    (root / "FlyingChairs_train_val.txt").unlink()
    check(flyingchairs(root, "all"), keys)
    with pytest.raises(LicError, match=r"no FlyingChairs_train_val\.txt.* use split 'all'"):
        flyingchairs(root, "train")


def test_flyingchairs_incomplete(tmp_path: Path) -> None:
    root = fake.fake_flyingchairs(tmp_path)
    (root / "data" / "00003_flow.flo").unlink()
    with pytest.raises(LicError, match=r"3 lines and .*data 2 pairs"):
        flyingchairs(root, "train")
    (root / "data" / "00002_img2.ppm").unlink()
    with pytest.raises(LicError, match=r"lacks .*00002_img2\.ppm"):
        flyingchairs(root, "all")
    for path in (root / "data").glob("*.flo"):
        path.unlink()
    with pytest.raises(LicError, match="holds no pairs of FlyingChairs"):
        flyingchairs(root, "all")


@pytest.mark.parametrize("rendering", ["clean", "final"])
def test_flyingthings3d(tmp_path: Path, rendering: str) -> None:
    root = fake.fake_flyingthings3d(tmp_path)

    def keys(sequence: str) -> list[tuple[str, str, str, str]]:
        steps = [("into_future", 6, 7), ("into_future", 7, 8), ("into_past", 7, 6), ("into_past", 8, 7)]
        return [
            (name, *(f"{rendering}/{sequence}/{camera}/{k:04d}" for k in (first, second)), name)
            for direction in ("into_future", "into_past")
            for camera in ("left", "right")
            for name, first, second in (
                (f"{sequence}/{direction}/{camera}/{first:04d}", first, second)
                for where, first, second in steps
                if where == direction
            )
        ]

    check(flyingthings3d(root, "train", rendering), keys("A/0000") + keys("C/0012"))
    check(flyingthings3d(root, "test", rendering), keys("B/0001"))


def test_flyingthings3d_incomplete(tmp_path: Path) -> None:
    root = fake.fake_flyingthings3d(tmp_path)
    of_camera = root / "frames_cleanpass" / "TEST" / "B" / "0001" / "right"
    (of_camera / "0007.png").unlink()
    with pytest.raises(LicError, match=r"lacks the file between .*numbered 6 and 8"):
        flyingthings3d(root, "test", "clean")
    (of_camera / "0006.png").unlink()
    with pytest.raises(LicError, match="lacks frame 0006"):
        flyingthings3d(root, "test", "clean")
    shutil.rmtree(of_camera)
    with pytest.raises(LicError, match="has no folder 'right'"):
        flyingthings3d(root, "test", "clean")
    flows = root / "optical_flow" / "TEST" / "B" / "0001" / "into_future" / "left"
    (flows / "OpticalFlowIntoFuture_0006_L.pfm").rename(flows / "six.pfm")
    with pytest.raises(LicError, match=r"six\.pfm is not named as in FlyingThings3D"):
        flyingthings3d(root, "test", "clean")
    flows.parent.rename(flows.parent.with_name("tomorrow"))
    with pytest.raises(LicError, match="neither in into_future nor in into_past"):
        flyingthings3d(root, "test", "final")
    shutil.rmtree(root / "optical_flow")
    with pytest.raises(LicError, match="has no folder 'optical_flow'"):
        flyingthings3d(root, "train")


@pytest.mark.parametrize("rendering", ["clean", "final"])
def test_sintel(tmp_path: Path, rendering: str) -> None:
    root = fake.fake_sintel(tmp_path)
    names = [("alley_1", 1), ("alley_1", 2), ("market_2", 1)]
    keys = [
        (
            f"{scene}/frame_{k:04d}",
            *(f"{rendering}/{scene}/frame_{n:04d}" for n in (k, k + 1)),
            f"{scene}/frame_{k:04d}",
        )
        for scene, k in names
    ]
    assert check(sintel(root, "train", rendering), keys)[0]["valid"].all()
    read = check(sintel(root, "train", rendering, masked=True), keys)
    assert read.has_flow and read.has_occlusion
    for i, (name, *_) in enumerate(keys):
        np.testing.assert_array_equal(read[i]["valid"], ~fake.mask(f"invalid/{name}"))
        np.testing.assert_array_equal(read[i]["occluded"], fake.mask(f"occlusions/{name}"))

    test = FlowPairs(sintel(root, "test", rendering))
    assert not test.has_flow and not test.has_occlusion and test.name(0) == "wall/frame_0001" and len(test) == 1
    assert set(test[0]) == {"first", "second"}


def test_sintel_without_masks(tmp_path: Path) -> None:
    root = fake.fake_sintel(tmp_path)
    for name in ("occlusions", "invalid"):
        shutil.rmtree(root / "training" / name)
    read = FlowPairs(sintel(root))
    assert not read.has_occlusion and set(read[0]) == {"first", "second", "flow", "valid"} and read[0]["valid"].all()


def test_sintel_incomplete(tmp_path: Path) -> None:
    root = fake.fake_sintel(tmp_path)
    (root / "training" / "occlusions" / "alley_1" / "frame_0002.png").unlink()
    with pytest.raises(LicError, match=r"lacks .*occlusions/alley_1/frame_0002\.png"):
        sintel(root)
    (root / "training" / "flow" / "alley_1" / "frame_0001.flo").unlink()
    shutil.rmtree(root / "training" / "occlusions")
    with pytest.raises(LicError, match=r"MPI-Sintel lacks .*flow/alley_1/frame_0001\.flo"):
        sintel(root)
    clean = root / "training" / "clean" / "alley_1"
    (clean / "frame_0002.png").unlink()
    with pytest.raises(LicError, match="numbered 1 and 3"):
        sintel(root)
    (clean / "frame_two.png").touch()
    with pytest.raises(LicError, match=r"frame_two\.png is not named by a number"):
        sintel(root)
    shutil.rmtree(root / "training" / "flow")
    with pytest.raises(LicError, match=r"training has no folder 'flow', so it is not all of MPI-Sintel"):
        sintel(root)
    with pytest.raises(LicError, match="no rendering of MPI-Sintel 'albedo'; choose one of clean, final"):
        sintel(root, "test", "albedo")


@pytest.mark.parametrize(("layout", "camera"), [(kitti2012, "colored_0"), (kitti2015, "image_2")])
def test_kitti(tmp_path: Path, layout: Callable[..., list[Pair]], camera: str) -> None:
    root = fake.fake_kitti(tmp_path, camera=camera)
    names = ["000000_10", "000001_10"]
    keys = [(name, f"training/{name}", f"training/{name[:-1]}1", name) for name in names]
    read = check(layout(root), keys, share=0.5)
    for i, name in enumerate(names):
        np.testing.assert_array_equal(read[i]["occluded"], fake.flow(name, share=0.5).valid & fake.mask(name))
    assert FlowPairs(layout(root, "test")).name(0) == "000000_10" and layout(root, "test")[0].flow is None

    shutil.rmtree(root / "training" / "flow_noc")
    assert "occluded" not in check(layout(root), keys, share=0.5)[0]
    (root / "training" / "flow_occ" / "000001_10.png").unlink()
    with pytest.raises(LicError, match=r"lacks .*flow_occ/000001_10\.png"):
        layout(root)
    (root / "training" / camera / "000000_11.png").unlink()
    with pytest.raises(LicError, match=r"lacks .*000000_11\.png"):
        layout(root)
    shutil.rmtree(root / "training" / "flow_occ")
    with pytest.raises(LicError, match="has no folder 'flow_occ'"):
        layout(root)


def test_hd1k(tmp_path: Path) -> None:
    root = fake.fake_hd1k(tmp_path)
    follow = [("000000_0000", "000000_0001"), ("000000_0001", "000000_0002"), ("000005_0010", "000005_0011")]
    check(hd1k(root), [(first, first, second, f"flow/{first}") for first, second in follow], share=0.8)
    (root / "hd1k_input" / "image_2" / "000000_0001.png").unlink()
    with pytest.raises(LicError, match=r"HD1K lacks .*000000_0001\.png"):
        hd1k(root)


@pytest.mark.parametrize("one_folder", [False, True])
def test_middlebury(tmp_path: Path, one_folder: bool) -> None:
    root = fake.fake_middlebury(tmp_path, one_folder=one_folder)
    keys = [(scene, f"{scene}/frame10", f"{scene}/frame11", scene) for scene in ("RubberWhale", "Urban2")]
    check(middlebury(root), keys, share=0.9)
    next(root.rglob("Urban2/frame11.png")).unlink()
    with pytest.raises(LicError, match=r"lacks .*Urban2/frame11\.png"):
        middlebury(root)
    for path in root.rglob("*.flo"):
        path.unlink()
    with pytest.raises(LicError, match="holds no pairs of Middlebury"):
        middlebury(root)


def test_middlebury_without_ground_truth(tmp_path: Path) -> None:
    root = fake.fake_middlebury(tmp_path)
    shutil.rmtree(root / "other-gt-flow")
    with pytest.raises(LicError, match="has no folder 'other-gt-flow'"):
        middlebury(root)


@pytest.mark.parametrize("layout", [flyingchairs, flyingthings3d, sintel, kitti2012, kitti2015, hd1k, middlebury])
def test_what_is_not_there_is_said(tmp_path: Path, layout: Callable[..., list[Pair]]) -> None:
    with pytest.raises(LicError, match=r"there is no folder .*nowhere.* give the folder to which it was unpacked"):
        layout(tmp_path / "nowhere")
    with pytest.raises(LicError, match=r"has no folder|holds no pairs"):
        layout(tmp_path)


@pytest.mark.parametrize("layout", [flyingchairs, flyingthings3d, sintel, kitti2012, kitti2015])
def test_splits_are_named(tmp_path: Path, layout: Callable[..., list[Pair]]) -> None:
    with pytest.raises(LicError, match=r"no split of .* 'trian'; choose one of train, "):
        layout(tmp_path, "trian")
