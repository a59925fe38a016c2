"""The published sets of optical flow as they are distributed, with a few tiny pairs each.

What a file holds follows from its set, its name and ``size`` (height, width): ``picture`` and ``flow`` tell.
"""

import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.data.flow_files import Flow, write_flow

SIZE = (24, 32)


def picture(key: str, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """The picture (H, W, 3) called ``key``."""
    return _random(key).integers(0, 256, (*size, 3)).astype(np.uint8)


def flow(key: str, size: tuple[int, int] = SIZE, share: float = 1.0) -> Flow:
    """The ground truth called ``key``, in 1/64 pixel, known at a ``share`` of the pixels."""
    rng = _random(key)
    valid = rng.random(size) < share
    return Flow(np.where(valid, rng.integers(-500, 500, (2, *size)).astype(np.float32) / 64, np.float32(0)), valid)


def mask(key: str, size: tuple[int, int] = SIZE) -> NDArray[np.bool_]:
    """Which pixels of the mask called ``key`` are white: about a quarter."""
    return np.asarray(_random(key).random(size) < 0.25)


def fake_flyingchairs(root: Path, size: tuple[int, int] = SIZE, data: str = "data", suffix: str = ".ppm") -> Path:
    """Three pairs; the second is of the val split. Keys: ``00001_img1``, ``00001_img2``, ``00001_flow``."""
    for number in ("00001", "00002", "00003"):
        for k in (1, 2):
            _picture(root / data / f"{number}_img{k}{suffix}", picture(f"{number}_img{k}", size))
        _flow(root / data / f"{number}_flow.flo", flow(f"{number}_flow", size))
    (root / "FlyingChairs_train_val.txt").write_text("1\n2\n1\n")
    return root


def fake_flyingthings3d(root: Path, size: tuple[int, int] = SIZE) -> Path:
    """Two sequences of three frames in TRAIN, one in TEST. Keys: ``clean/A/0000/left/0006``, the names of pairs."""
    for part, sequence in (("TRAIN", "A/0000"), ("TRAIN", "C/0012"), ("TEST", "B/0001")):
        for camera in ("left", "right"):
            for number in (6, 7, 8):
                for rendering in ("clean", "final"):
                    key = f"{rendering}/{sequence}/{camera}/{number:04d}"
                    where = root / f"frames_{rendering}pass" / part / sequence / camera
                    _picture(where / f"{number:04d}.png", picture(key, size))
                for direction, spelled in (("into_future", "IntoFuture"), ("into_past", "IntoPast")):
                    name = f"OpticalFlow{spelled}_{number:04d}_{camera[0].upper()}.pfm"
                    truth = flow(f"{sequence}/{direction}/{camera}/{number:04d}", size)
                    _flow(root / "optical_flow" / part / sequence / direction / camera / name, truth)
    return root


def fake_sintel(root: Path, size: tuple[int, int] = SIZE) -> Path:
    """Scenes of three and two frames to train on, one of two to test. Keys: ``clean/alley_1/frame_0001``,
    ``alley_1/frame_0001`` of the flow, ``occlusions/alley_1/frame_0001``, ``invalid/...``."""
    for part, scene, count in (("training", "alley_1", 3), ("training", "market_2", 2), ("test", "wall", 2)):
        for number in range(1, count + 1):
            name = f"{scene}/frame_{number:04d}"
            for rendering in ("clean", "final"):
                _picture(root / part / rendering / f"{name}.png", picture(f"{rendering}/{name}", size))
            if part == "training" and number < count:
                _flow(root / part / "flow" / f"{name}.flo", flow(name, size))
            if part == "training":
                _mask(root / part / "invalid" / f"{name}.png", mask(f"invalid/{name}", size))
            if part == "training" and number < count:
                _mask(root / part / "occlusions" / f"{name}.png", mask(f"occlusions/{name}", size))
    return root


def fake_kitti(root: Path, size: tuple[int, int] = SIZE, camera: str = "image_2") -> Path:
    """Two pairs to train on, one to test, and frames of other times. ``camera``: ``colored_0`` of KITTI 2012.

    Keys: ``training/000000_10`` and the like of pictures, ``000000_10`` of the flow; it is occluded where the mask
    ``000000_10`` is white.
    """
    for part, numbers in (("training", (0, 1)), ("testing", (0,))):
        for number in numbers:
            for frame in (9, 10, 11):
                name = f"{number:06d}_{frame:02d}"
                _picture(root / part / camera / f"{name}.png", picture(f"{part}/{name}", size))
            if part == "training":
                name = f"{number:06d}_10"
                truth = flow(name, size, share=0.5)
                _flow(root / part / "flow_occ" / f"{name}.png", truth)
                _flow(root / part / "flow_noc" / f"{name}.png", Flow(truth.flow, truth.valid & ~mask(name, size)))
    return root


def fake_hd1k(root: Path, size: tuple[int, int] = SIZE) -> Path:
    """Sequences of three and two frames, each with flow. Keys: ``000000_0000``, ``flow/000000_0000``."""
    for name in ("000000_0000", "000000_0001", "000000_0002", "000005_0010", "000005_0011"):
        _picture(root / "hd1k_input" / "image_2" / f"{name}.png", picture(name, size))
        _flow(root / "hd1k_flow_gt" / "flow_occ" / f"{name}.png", flow(f"flow/{name}", size, share=0.8))
    return root


def fake_middlebury(root: Path, size: tuple[int, int] = SIZE, one_folder: bool = False) -> Path:
    """Two scenes with ground truth, one without. Keys: ``Urban2/frame10``, ``Urban2``."""
    pictures, flows = (root, root) if one_folder else (root / "other-data", root / "other-gt-flow")
    for scene in ("RubberWhale", "Urban2", "Walking"):
        for k in (10, 11):
            _picture(pictures / scene / f"frame{k}.png", picture(f"{scene}/frame{k}", size))
        if scene != "Walking":
            _flow(flows / scene / "flow10.flo", flow(scene, size, share=0.9))
    return root


def _random(key: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(key.encode()))


def _picture(path: Path, rgb: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"lossless": True} if path.suffix == ".webp" else {}
    Image.fromarray(rgb).save(path, **options)  # type: ignore[arg-type]


def _mask(path: Path, white: NDArray[np.bool_]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.where(white, np.uint8(255), np.uint8(0))).save(path)


def _flow(path: Path, truth: Flow) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_flow(path, truth.flow, truth.valid)
