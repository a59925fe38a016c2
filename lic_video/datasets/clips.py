"""Training clips without end: clip ``n`` of the list ``seed`` is a function of (seed, n) alone.

Clips are trained on frame by frame, so both kinds give frame ``t`` of clip ``n`` by itself, at the price of one frame.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from common.data.folders import pictures_of, random_crop
from common.data.image_io import read_picture
from common.data.random_streams import Stream, generator
from common.data.scenes import Scene, fastest, render, scene
from common.data.sequences import folder, picture_folders
from common.errors import LicError
from lic_video.datasets.vimeo90k import vimeo90k


class ProceduralClips(Dataset[Tensor]):
    """Clip ``n``: uint8 (frames, 3, h, w), procedural scene (seed, n) of ``size`` (height, width) in motion.

    From frame to frame the scene's fastest layer moves by ``max_motion u^2`` pixels, u uniform in [0, 1] by clip: small
    motion is common, as in films. Time 0, at which a scene is as it was drawn, is in the middle of the clip, so that
    layers have left the frame by the same amount at both ends.
    """

    def __init__(self, seed: int, size: Sequence[int], frames: int, max_motion: float = 8.0) -> None:
        self.seed, self.size, self.frames, self.max_motion = seed, _checked(size, frames), frames, max_motion
        if not max_motion > 0:
            raise LicError(f"the largest motion is {max_motion} pixels a frame; it must be greater than 0.")
        render(scene(seed, 0, 8, 8))  # compiles once, before loader workers are forked

    def __getitem__(self, n: int) -> Tensor:
        return torch.stack([self.frame(n, t) for t in range(self.frames)])

    def frame(self, n: int, t: int) -> Tensor:
        """Frame ``t`` of clip ``n``: uint8 (3, h, w)."""
        _check_frame(t, self.frames)
        rng = generator(self.seed, n, Stream.SPEED)
        step = self.max_motion * rng.random() ** 2
        return _planes(_rendered(self.seed, n, *self.size, step, t - (self.frames - 1) / 2))


class FolderClips(Dataset[Tensor]):
    """Clip ``n``: uint8 (frames, 3, h, w), ``frames`` successive pictures of a folder, cut to ``size`` (height, width).

    Folders come in passes, each a permutation of all of them; the place in time and in the picture is drawn by clip.
    Pictures are taken in natural order of their names. One that is smaller than ``size`` is continued by reflection.

    Raises ``LicError``, when it comes to it, for a folder of too few pictures, or whose pictures are damaged or differ
    in size.
    """

    def __init__(self, folders: Sequence[Path], seed: int, size: Sequence[int], frames: int) -> None:
        if not folders:
            raise LicError("there are no folders of frames to train on; give some.")
        self.folders, self.seed = list(folders), seed
        self.size, self.frames = _checked(size, frames), frames
        self._shapes: dict[Path, tuple[int, ...]] = {}

    def __getitem__(self, n: int) -> Tensor:
        return torch.stack([self.frame(n, t) for t in range(self.frames)])

    def frame(self, n: int, t: int) -> Tensor:
        """Frame ``t`` of clip ``n``: uint8 (3, h, w)."""
        _check_frame(t, self.frames)
        epoch, position = divmod(n, len(self.folders))
        place = self.folders[_permutation(self.seed, epoch, len(self.folders))[position]]
        pictures = _pictures(place)
        if len(pictures) < self.frames:
            raise LicError(
                f"{place} holds {len(pictures)} pictures and clips are of {self.frames} frames; "
                "leave this folder out, or set fewer frames."
            )
        rng = generator(self.seed, n, Stream.CROP)
        path = pictures[int(rng.integers(0, len(pictures) - self.frames + 1)) + t]
        rgb = _decoded(path)
        if self._shapes.setdefault(place, rgb.shape) != rgb.shape:
            raise LicError(f"{path} has not the size of other pictures in its folder; all frames must have one size.")
        return _planes(random_crop(rgb, self.size, rng))  # all frames of a clip draw the same place


def vimeo90k_clips(root: str | Path, seed: int, size: Sequence[int], frames: int) -> FolderClips:
    """Clips of the training septuplets of Vimeo-90k in ``root``."""
    return FolderClips(vimeo90k(root, "train"), seed, size, frames)


def folder_clips(root: str | Path, seed: int, size: Sequence[int], frames: int) -> FolderClips:
    """Clips of every folder of at least ``frames`` pictures in ``root`` or below."""
    folders = [
        place for place in picture_folders(folder(root, "folders of frames")) if len(pictures_of(place)) >= frames
    ]
    if not folders:
        raise LicError(
            f"{root} holds no folder of {frames} pictures or more; check the path, or set fewer frames. Videos are "
            "trained on as folders of frames: ffmpeg -i clip.mp4 frames/clip/%06d.png."
        )
    return FolderClips(folders, seed, size, frames)


def _checked(size: Sequence[int], frames: int) -> tuple[int, int]:
    height, width = size
    if height < 1 or width < 1 or frames < 1:
        raise LicError(f"clips of {frames} frames of {width}x{height} pixels cannot be made; give at least 1 of each.")
    return int(height), int(width)


def _check_frame(t: int, frames: int) -> None:
    if not 0 <= t < frames:
        raise IndexError(f"frame {t} of clips of {frames}")


def _planes(rgb: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(rgb.transpose(2, 0, 1).copy())  # what is kept stays as it is


@functools.lru_cache(maxsize=64)  # a step asks for a frame and the one before it
def _rendered(seed: int, n: int, height: int, width: int, step: float, time: float) -> NDArray[np.uint8]:
    view, speed = _scene(seed, n, height, width)
    return render(view, time * step / speed)


@functools.lru_cache(maxsize=32)
def _scene(seed: int, n: int, height: int, width: int) -> tuple[Scene, float]:
    view = scene(seed, n, height, width)
    return view, fastest(view)


@functools.lru_cache(maxsize=16)
def _decoded(path: Path) -> NDArray[np.uint8]:
    return read_picture(path).rgb


@functools.lru_cache(maxsize=64)
def _pictures(place: Path) -> list[Path]:
    return pictures_of(place)


@functools.lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    rng = generator(seed, epoch, Stream.ORDER)
    return rng.permutation(count)
