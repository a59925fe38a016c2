"""Pairs of pictures with ground truth on disk: what all published sets have in common.

A set's layout (its own file here) lists ``Pair``s; ``FlowPairs`` reads them.
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from common.data.flow_files import Flow, read_flow
from common.data.folders import as_path
from common.data.image_io import read_picture
from common.errors import LicError


class Pair(NamedTuple):
    """Files of one pair, and the ``name`` it goes by in tables and in the benchmark servers' folders.

    flow: its ground truth; None in a test split, which has none.
    occluded: a picture that is not black where the second picture does not show what the first does (Sintel).
    invalid: a picture that is not black where the ground truth is not to be used (Sintel).
    unoccluded: the ground truth once more, known only where the second picture shows what the first does (KITTI).
    """

    name: str
    first: Path
    second: Path
    flow: Path | None
    occluded: Path | None = None
    invalid: Path | None = None
    unoccluded: Path | None = None


class FlowPairs(Dataset[dict[str, Any]]):
    """Pair ``i``: {"first", "second": uint8 (3, H, W), "flow": float32 (2, H, W), 0 if unknown, "valid": bool (H, W)}.

    ``has_flow``: all pairs have ground truth; where none has, samples lack "flow" and "valid".
    ``has_occlusion``: all tell what is occluded, and samples have "occluded", bool (H, W).
    """

    def __init__(self, pairs: Sequence[Pair]) -> None:
        if not pairs:
            raise LicError("there are no pairs of pictures; name a set that holds some.")
        missing = [pair.name for pair in pairs if pair.flow is None]
        if missing and len(missing) < len(pairs):
            raise LicError(
                f"{len(missing)} of {len(pairs)} pairs have no ground truth (first: {missing[0]}); keep them apart."
            )
        self.pairs = list(pairs)
        self.has_flow = not missing
        self.has_occlusion = self.has_flow and all(pair.occluded or pair.unoccluded for pair in pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def name(self, i: int) -> str:
        """What pair ``i`` is called."""
        return self.pairs[i].name

    def __getitem__(self, i: int) -> dict[str, Any]:
        pair = self.pairs[i]
        first, second = read_picture(pair.first).rgb, read_picture(pair.second).rgb
        _same_size(pair.first, first, pair.second, second)
        sample = {"first": _planes(first), "second": _planes(second)}
        if pair.flow is None:
            return sample
        flow, valid = _read(pair.flow, pair.first, first)
        if pair.invalid:
            valid = valid & ~_mask(pair.invalid, pair.first, first)
            flow = flow * valid
        sample |= {"flow": torch.from_numpy(flow), "valid": torch.from_numpy(valid)}
        if self.has_occlusion and pair.occluded:
            sample["occluded"] = torch.from_numpy(_mask(pair.occluded, pair.first, first))
        elif self.has_occlusion and pair.unoccluded:
            sample["occluded"] = torch.from_numpy(valid & ~_read(pair.unoccluded, pair.first, first).valid)
        return sample


def chosen(value: str, known: Mapping[str, str], what: str) -> str:
    """``known[value]``; a ``LicError`` that lists what is known otherwise."""
    if value not in known:
        raise LicError(f"there is no {what} '{value}'; choose one of {', '.join(known)}.")
    return known[value]


def folder(root: str | Path, *below: str, of: str) -> Path:
    """``root/below`` where it is a folder. ``of``: the set's name, for the ``LicError`` that says what is missing."""
    path = as_path(root)
    if not os.path.isdir(path):
        raise LicError(f"there is no folder {path}, where {of} should be; give the folder to which it was unpacked.")
    for part in below:
        if not (path / part).is_dir():
            raise LicError(
                f"{path} has no folder '{part}', so it is not all of {of}; unpack that part, or check the path."
            )
        path = path / part
    return path


def existing(path: Path, of: str) -> Path:
    """``path`` where it is a file; ``LicError`` otherwise: the set was not unpacked whole, or is numbered wrongly."""
    if not path.is_file():
        raise LicError(f"{of} lacks {path}, which its other files call for; unpack the set again.")
    return path


def numbered(files: Iterable[Path], of: str) -> dict[int, Path]:
    """``files`` by the number at the end of their names, which must be 1 after 1; ``LicError`` where one is missing."""
    found: dict[int, Path] = {}
    for path in files:
        number = re.search(r"(\d+)$", path.stem)
        if number is None or int(number[1]) in found:
            raise LicError(f"{path} is not named by a number of its own, as in {of}; remove it or rename it.")
        found[int(number[1])] = path
    for before, after in pairwise(sorted(found)):
        if after != before + 1:
            raise LicError(
                f"{of} lacks the file between {found[before]} and {found[after].name}: they are numbered "
                f"{before} and {after}; unpack the set again."
            )
    return dict(sorted(found.items()))


def some(pairs: list[Pair], where: Path, of: str) -> list[Pair]:
    """``pairs`` where there are any; ``LicError`` otherwise."""
    if not pairs:
        raise LicError(f"{where} holds no pairs of {of}; check that the set was unpacked there.")
    return pairs


def _planes(rgb: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))


def _same_size(path: Path, picture: NDArray[Any], other: Path, values: NDArray[Any]) -> None:
    (height, width), (rows, columns) = picture.shape[:2], values.shape[:2]
    if (height, width) != (rows, columns):
        raise LicError(
            f"{path} has {width}x{height} pixels and {other} has {columns}x{rows}; both of a pair must have one size."
        )


def _read(path: Path, first_path: Path, first: NDArray[np.uint8]) -> Flow:
    flow = read_flow(path)
    _same_size(first_path, first, path, flow.valid)
    return flow


def _mask(path: Path, first_path: Path, first: NDArray[np.uint8]) -> NDArray[np.bool_]:
    rgb = read_picture(path).rgb
    _same_size(first_path, first, path, rgb)
    return np.asarray(rgb[..., 0] > 0)
