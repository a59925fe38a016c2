"""Regions of interest of photographs: files beside them, a saliency estimate, or what is typed.

The region of `photo.jpg` is `photo.roi.png` beside it, of the same size: white is inside, black outside, grey between.
Such a file is not taken for a photograph itself.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from common.data.image_io import SUFFIXES, read_picture
from common.errors import LicError

ENDING = ".roi.png"


def region_file(photograph: Path) -> Path:
    return photograph.with_name(photograph.stem + ENDING)


def is_region(path: Path) -> bool:
    """Whether the file `path` is the region of a photograph beside it."""
    if not path.name.endswith(ENDING):
        return False
    stem = path.name.removesuffix(ENDING)
    return any(path.with_name(stem + suffix).exists() for suffix in SUFFIXES)


def read_region(path: Path, size: Sequence[int]) -> NDArray[np.uint8]:
    """(H, W) of a picture of `size`; `LicError` where there is none, or it has another size."""
    if not path.is_file():
        raise LicError(f"there is no {path}: a region of interest is a picture of that name, white inside.")
    found = read_picture(path, background="black").rgb[..., 1]
    if found.shape != tuple(size):
        h, w = found.shape
        raise LicError(f"{path} has {w}x{h} pixels, and its photograph {size[1]}x{size[0]}: make them alike.")
    return found


def check_regions(photographs: Sequence[Path]) -> None:
    """Raises `LicError` where a photograph has no file with its region beside it."""
    lacking = [path for path in photographs if not region_file(path).is_file()]
    if lacking:
        raise LicError(
            f"{len(lacking)} of {len(photographs)} photographs have no region of interest: there is no "
            f"{region_file(lacking[0])}. Put a picture of that name there, white inside, or take data.roi=saliency."
        )


def salient(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The spectral residual of a picture (H, W, 3), as (H, W)."""
    from common.data.saliency import spectral_residual

    x = torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None] / 255
    return (spectral_residual(x)[0, 0] * 255).round().byte().numpy()


def typed(words: Sequence[str], rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The union of regions as people type them: `x,y,w,h` in pixels, `saliency`, or a file; (H, W).

    Raises:
        LicError: one is none of these, or a rectangle has no pixel in the picture, or nothing is inside.
    """
    height, width = rgb.shape[:2]
    found = np.zeros((height, width), np.uint8)
    for word in words:
        if numbers := re.fullmatch(r"(\d+),(\d+),(\d+),(\d+)", word.replace(" ", "")):
            x, y, w, h = map(int, numbers.groups())
            if not (w and h and x < width and y < height):
                raise LicError(f"--roi {word} has no pixel in a picture of {width}x{height}: give x,y,width,height.")
            found[y : y + h, x : x + w] = 255
        elif word == "saliency":
            found = np.maximum(found, salient(rgb))
        elif Path(word).suffix.lower() in SUFFIXES:
            found = np.maximum(found, read_region(Path(word).expanduser(), (height, width)))
        else:
            raise LicError(
                f"--roi is x,y,width,height in pixels, a picture that is white inside, or saliency; not {word}."
            )
    if not found.any():
        raise LicError(
            f"--roi {' '.join(words)} has nothing inside: what is inside is white in the picture of a region."
        )
    return found
