"""Folders of photographs: finding them, and cutting training crops out of them."""

import os
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.data.image_io import SUFFIXES, check_header, missing, read_picture
from common.data.regions import is_region
from common.errors import LicError, printable


def as_path(path: str | Path) -> Path:
    """``path``, a leading ``~`` expanded, as in a shell; ``LicError`` where there is no such user."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise LicError(f"{path} names the home folder of nobody: write the path out.") from error


def find_pictures(paths: Sequence[str | Path]) -> list[Path]:
    """Every picture in the given folders, at any depth, and the given files: by path, in the order of ``paths``.

    A picture is what has a picture's suffix, in any case. Links are followed; those that lead nowhere are among the
    pictures, so that reading them says so. Hidden files and folders and regions of interest (`common.data.regions`) are
    skipped, duplicates removed.
    Raises ``LicError`` for a missing path, a folder that may not be read and one without pictures.
    """
    found: dict[str, Path] = {}
    for path in map(as_path, paths):
        if os.path.isfile(path):
            found.setdefault(os.path.realpath(path), path)
            continue
        if not os.path.isdir(path):
            raise LicError(f"{missing(path)}; check the path to the photographs.")
        inside = [place / name for place, names in walk(path) for name in names if _is_picture(place / name)]
        if not inside:
            raise LicError(f"{path} holds no pictures ({', '.join(sorted(SUFFIXES))}); check the path.")
        for file in sorted(inside, key=lambda file: file.relative_to(path).as_posix()):
            found.setdefault(os.path.realpath(file) if file.exists() else str(file), file)
    return list(found.values())


def pictures_of(folder: Path) -> list[Path]:
    """The pictures that lie in ``folder`` itself, in natural order: frame_2 before frame_10; none where there are none.

    Hidden files are skipped.
    """
    names = next((names for _, names in walk(folder)), [])
    return [folder / name for name in names if _is_picture(folder / name)]


def walk(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Every folder, ``root`` and below, with the names of its files; hidden ones are skipped, names in natural order.

    Links to folders are followed, and each folder is visited once. Raises ``LicError`` for one that may not be read.
    """

    def refuse(error: OSError) -> None:
        raise LicError(f"the folder {error.filename} cannot be read: {error.strerror}.") from error

    seen = set()
    for place, folders, names in os.walk(root, onerror=refuse, followlinks=True):
        status = os.stat(place)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = (name for name in folders if not name.startswith("."))
        folders.sort(key=lambda name: (os.path.islink(os.path.join(place, name)), natural(name)))
        yield Path(place), sorted((name for name in names if not name.startswith(".")), key=natural)


def _is_picture(path: Path) -> bool:
    suffix = path.suffix.lower()
    if not os.path.exists(path):  # a link that leads nowhere, perhaps to a folder of pictures
        return suffix in SUFFIXES or not suffix
    return suffix in SUFFIXES and os.path.isfile(path) and not is_region(path)


def natural(name: str) -> tuple[list[str | int], str]:
    """What to sort by, so that the numbers in names count as numbers."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)], name


def readable(paths: Sequence[Path], crop: int = 1) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Splits pictures into those that can be read, by their headers, and those that cannot, with the reason.

    The broken ones are reported in one warning, and in another those with a side below ``crop``. Damage behind the
    header shows only when a picture is decoded. Raises ``LicError`` where none can be read.
    """
    good: list[Path] = []
    broken: list[tuple[Path, str]] = []
    small = 0
    for path in paths:
        try:
            small += min(check_header(path)) < crop
            good.append(path)
        except LicError as error:
            broken.append((path, str(error)))
    if broken and not good:
        raise LicError(f"none of the {len(paths)} pictures can be read; first: {broken[0][1]}")
    if broken:
        warnings.warn(
            f"{len(broken)} of {len(paths)} pictures cannot be read and are left out ({_some(broken)}); "
            f"first: {broken[0][1]}",
            stacklevel=2,
        )
    if small:
        warnings.warn(
            f"{small} of {len(good)} photographs are smaller than data.crop={crop}: their crops are continued by "
            "reflection.",
            stacklevel=2,
        )
    return good, broken


def check_decodes(paths: Sequence[Path]) -> None:
    """Decodes every picture once. Raises a ``LicError`` that names those that cannot be read, and the first reason."""
    broken: list[tuple[Path, str]] = []
    for path in paths:
        try:
            read_picture(path, background="white")
        except LicError as error:
            broken.append((path, str(error)))
    if broken:
        raise LicError(
            f"{len(broken)} of the {len(paths)} test pictures cannot be read ({_some(broken)}); repair or remove them, "
            f"as figures of a part of the set are no figures of the set; first: {broken[0][1]}"
        )


def _some(broken: Sequence[tuple[Path, str]]) -> str:
    return printable(", ".join(path.name for path, _ in broken[:3])) + (", ..." if len(broken) > 3 else "")


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


def resized(planes: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The whole of ``planes`` (H, W, C) as (size, size, C), by Lanczos' filter; the aspect ratio is not kept."""
    # one by one: Pillow takes a fourth channel for opacity, and multiplies the others by it
    each = (
        Image.fromarray(planes[..., c]).resize((size, size), Image.Resampling.LANCZOS) for c in range(planes.shape[2])
    )
    return np.dstack([np.array(plane) for plane in each])
