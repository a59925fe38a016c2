"""Labelled pictures of three colours."""

from pathlib import Path
from typing import Any

import numpy as np

from common.data.image_io import write_picture
from lic_image.labelled import LabelledPhotographs

COLOURS = {"9 red": (200, 40, 40), "10 green": (40, 200, 40), "blue": (40, 40, 200)}


def write_colours(folder: Path, each: int, seed: int) -> Path:
    """`each` noisy pictures of every colour, in a folder for each."""
    rng = np.random.default_rng(seed)
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for number in range(each):
            noisy = np.array(colour) + rng.normal(0, 20, (64, 64, 3))
            write_picture(folder / name / f"{number}.png", noisy.clip(0, 255).astype(np.uint8))
    return folder


def colours(tmp_path: Path, **others: Any) -> LabelledPhotographs:
    train, test = (write_colours(tmp_path / part, each, seed) for part, each, seed in (("train", 3, 0), ("test", 2, 1)))
    return LabelledPhotographs(str(train), str(test), name="colours", crop=64, batch_size=6, **others)
