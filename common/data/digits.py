"""Handwritten digits that scikit-learn's package carries, as labelled folders of pictures: a small set for tasks.

1797 digits of 43 writers, 8x8 grey pictures of 17 levels: the test part of E. Alpaydin, C. Kaynak: "Optical recognition
of handwritten digits", UCI Machine Learning Repository, 1998 (CC BY 4.0). They are enlarged to `SIDE` x `SIDE`.
"""

import gzip
from pathlib import Path

import numpy as np
from PIL import Image

from common.data.image_io import write_picture
from common.data.samples import packaged
from common.io import check_new_folder, folder_made_whole

SIDE = 64
LEVELS = 16  # from white to black
TEST_SHARE = 5  # every fifth digit is for testing


def read_digits() -> tuple[np.ndarray, np.ndarray]:
    """Digits, uint8 (1797, 8, 8) from 0 to 16, and which they are, (1797,)."""
    with gzip.open(packaged("sklearn", "datasets/data/digits.csv.gz"), "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    return table[:, :-1].reshape(-1, 8, 8), table[:, -1]


def write_digits(out: Path) -> tuple[int, int]:
    """Write `out`/train/CLASS/NUMBER.png and `out`/test/CLASS/NUMBER.png; gives how many pictures each has.

    Raises:
        LicError: `out` is there already, or scikit-learn is not installed.
    """
    check_new_folder(out)
    digits, labels = read_digits()
    counts = {"train": 0, "test": 0}
    with folder_made_whole(out) as stage:
        for number, (digit, label) in enumerate(zip(digits, labels)):
            part = "test" if number % TEST_SHARE == 0 else "train"
            counts[part] += 1
            folder = stage / part / str(label)
            folder.mkdir(parents=True, exist_ok=True)
            write_picture(folder / f"{number:04}.png", enlarged(digit))
    return counts["train"], counts["test"]


def enlarged(digit: np.ndarray) -> np.ndarray:
    """uint8 (8, 8) from 0 to 16 -> uint8 (SIDE, SIDE, 3), black on white, by bicubic interpolation."""
    grey = Image.fromarray((255 - digit.astype(np.float64) * (255 / LEVELS)).round().astype(np.uint8))
    return np.dstack([np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BICUBIC))] * 3)
