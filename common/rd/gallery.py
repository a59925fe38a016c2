"""Photographs beside what came back from their files, with a crop where the eye should look."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

CELL = 300  # pixels, width and at most height of a picture in the gallery
CROP = 100  # pixels of the photograph, shown three times as large
GAP = 10
LINE = 22
INK, PAPER, MARK = (34, 39, 44), (255, 255, 255), (255, 208, 0)


class Reconstruction(NamedTuple):
    """A decoded picture, uint8 (H, W, 3), and what to write above it."""

    caption: str
    rgb: np.ndarray


class Row(NamedTuple):
    """A photograph, uint8 (H, W, 3), and its reconstructions of the same size."""

    name: str
    original: np.ndarray
    reconstructions: list[Reconstruction]


def gallery(rows: Sequence[Row], path: Path) -> Path:
    """Write one PNG: a strip of pictures per row, below each the crop where the reconstructions err most."""
    strips = [_strip(row) for row in rows]
    return save_stacked(strips, path)


def save_stacked(pictures: Sequence[Image.Image], path: Path) -> Path:
    """Write one PNG with the pictures below each other; folders are made."""
    sheet = Image.new("RGB", (max(p.width for p in pictures), sum(p.height for p in pictures)), PAPER)
    top = 0
    for picture in pictures:
        sheet.paste(picture, (0, top))
        top += picture.height
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, optimize=True)
    return path


def worst_crop(original: np.ndarray, reconstructions: Sequence[np.ndarray], side: int) -> tuple[int, int]:
    """(top, left) of the `side` × `side` window of largest squared error, summed over the reconstructions."""
    x = original.astype(np.float64)
    error = sum((((x - rgb) ** 2).sum(axis=2) for rgb in reconstructions), np.zeros(x.shape[:2]))
    integral = np.pad(error.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    h, w = min(side, x.shape[0]), min(side, x.shape[1])
    windows = integral[h:, w:] - integral[:-h, w:] - integral[h:, :-w] + integral[:-h, :-w]
    top, left = np.unravel_index(int(windows.argmax()), windows.shape)
    return int(top), int(left)


def _strip(row: Row) -> Image.Image:
    top, left = worst_crop(row.original, [r.rgb for r in row.reconstructions], CROP)
    height, width = row.original.shape[:2]
    scale = min(CELL / width, CELL / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    crop_size = (3 * min(CROP, width), 3 * min(CROP, height))
    cells = [Reconstruction(row.name, row.original), *row.reconstructions]
    strip_height = LINE + size[1] + GAP // 2 + crop_size[1] + 2 * GAP
    strip = Image.new("RGB", (GAP + len(cells) * (CELL + GAP), strip_height), PAPER)
    draw = ImageDraw.Draw(strip)
    for i, cell in enumerate(cells):
        x, y = GAP + i * (CELL + GAP), GAP
        draw.text((x, y), _fitting(cell.caption, draw), fill=INK, font=caption_font())
        y += LINE
        picture = Image.fromarray(cell.rgb)
        strip.paste(picture.resize(size, Image.Resampling.LANCZOS), (x, y))
        if i == 0:
            corner = (x + round(left * scale), y + round(top * scale))
            draw.rectangle((corner, (corner[0] + CROP * scale, corner[1] + CROP * scale)), outline=MARK, width=2)
        y += size[1] + GAP // 2
        crop = picture.crop((left, top, min(left + CROP, width), min(top + CROP, height)))
        strip.paste(crop.resize(crop_size, Image.Resampling.NEAREST), (x, y))
    return strip


def caption_font(size: int = 13) -> ImageFont.FreeTypeFont:
    """DejaVu, which matplotlib's wheel carries and which unlike Pillow's built-in font knows λ."""
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"), size)


def _fitting(text: str, draw: ImageDraw.ImageDraw) -> str:
    while len(text) > 1 and draw.textlength(text, font=caption_font()) > CELL:
        text = text[:-2] + "…"
    return text
