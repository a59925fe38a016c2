"""Folders of photographs: finding them, and cutting training crops out of them."""

import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.data.pictures import SUFFIXES, check_header
from common.errors import LicError


def find_pictures(paths: Sequence[str | Path]) -> list[Path]:
    """Every picture in the given folders, at any depth, and the given files: by path, in the order of ``paths``.

    A picture is what has a picture's suffix, in any case. Hidden files and folders are skipped, duplicates removed.
    Raises ``LicError`` for a missing path and for a folder without pictures.
    """
    found: dict[Path, Path] = {}
    for path in map(Path, paths):
        if path.is_file():
            found.setdefault(path.resolve(), path)
            continue
        if not path.is_dir():
            raise LicError(f"{path} does not exist; check the path to the photographs.")
        inside = [
            file
            for file in path.rglob("*")
            if file.suffix.lower() in SUFFIXES
            and file.is_file()
            and not any(part.startswith(".") for part in file.relative_to(path).parts)
        ]
        if not inside:
            raise LicError(f"{path} holds no pictures ({', '.join(sorted(SUFFIXES))}); check the path.")
        for file in sorted(inside, key=lambda file: file.relative_to(path).as_posix()):
            found.setdefault(file.resolve(), file)
    return list(found.values())


def pictures_of(folder: Path) -> list[Path]:
    """The pictures that lie in ``folder`` itself, in natural order: frame_2 before frame_10; none where there are none.

    Hidden files are skipped.
    """
    return sorted(
        (
            file
            for file in folder.iterdir()
            if file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()
        ),
        key=lambda file: natural(file.name),
    )


def natural(name: str) -> tuple[list[str | int], str]:
    """What to sort by, so that the numbers in names count as numbers."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)], name


def readable(paths: Sequence[Path]) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Splits pictures into those that can be read, by their headers, and those that cannot, with the reason.

    The broken ones are reported in one warning. Damage behind the header shows only when a picture is decoded.
    """
    good: list[Path] = []
    broken: list[tuple[Path, str]] = []
    for path in paths:
        try:
            check_header(path)
            good.append(path)
        except LicError as error:
            broken.append((path, str(error)))
    if broken:
        names = ", ".join(path.name for path, _ in broken[:3]) + (", ..." if len(broken) > 3 else "")
        warnings.warn(
            f"{len(broken)} of {len(paths)} pictures cannot be read and are left out ({names}); first: {broken[0][1]}",
            stacklevel=2,
        )
    return good, broken


def random_crop(rgb: NDArray[np.uint8], size: int | tuple[int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A part of ``rgb`` (H, W, 3), ``size`` square or (height, width), every position alike.

    A picture that is smaller is first continued by reflection about its borders, as often as it takes.
    """
    high, wide = (size, size) if isinstance(size, int) else size
    height, width, _ = rgb.shape
    top = int(rng.integers(0, max(height - high, 0) + 1))
    left = int(rng.integers(0, max(width - wide, 0) + 1))
    crop = rgb[top : top + high, left : left + wide]
    below, right = high - crop.shape[0], wide - crop.shape[1]
    if below or right:
        crop = np.pad(crop, ((below // 2, below - below // 2), (right // 2, right - right // 2), (0, 0)), "symmetric")
    return np.ascontiguousarray(crop)
