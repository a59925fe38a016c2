from pathlib import Path

import numpy as np
from PIL import Image

from common.report.figures.gallery import Reconstruction, Row, gallery, worst_crop


def test_worst_crop_finds_the_error() -> None:
    original = np.full((50, 70, 3), 100, np.uint8)
    damaged = original.copy()
    damaged[30:34, 50:54] = 0
    top, left = worst_crop(original, [original, damaged], 8)
    assert top <= 30 and top + 8 >= 34
    assert left <= 50 and left + 8 >= 54


def test_worst_crop_of_a_picture_smaller_than_the_window() -> None:
    tiny = np.zeros((1, 3, 3), np.uint8)
    assert worst_crop(tiny, [tiny + 1], 100) == (0, 0)


def test_gallery_shows_every_picture(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    original = rng.integers(0, 256, (120, 200, 3), dtype=np.uint8)
    red = np.zeros_like(original)
    red[..., 0] = 255
    rows = [
        Row("one", original, [Reconstruction("λ 0.01 · 0.5 bpp", red), Reconstruction("x" * 200, original)]),
        Row("portrait", original[:, :1], [Reconstruction("narrow", original[:, :1])]),
    ]
    sheet = np.asarray(Image.open(gallery(rows, tmp_path / "new" / "gallery.png")))
    assert sheet.shape[1] == 10 + 3 * 310
    assert (sheet == (255, 0, 0)).all(axis=2).sum() == 300 * 180 + 300 * 300  # the whole, scaled, and its crop
