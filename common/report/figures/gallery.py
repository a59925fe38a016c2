"""Photographs beside their reconstructions, with a crop of the largest error."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from common.data.image_io import read_picture
from common.errors import LicError
from common.io import written_whole
from common.results.curves import Curve, Point
from common.results.record import Modality, Part
from common.viz.palette import INK, MARK, PAPER

MAX_PHOTOGRAPHS = 4
MAX_RECONSTRUCTIONS = 4
CELL = 300  # pixels, width and at most height of a picture in the gallery
CROP = 100  # pixels of the photograph, shown three times as large
GAP = 10
LINE = 22


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


def gallery_rows(runs: Sequence[Curve]) -> list[Row]:
    """Photographs that the runs have reconstructed, as rows of the gallery.

    A run folder holds `pictures/<name>.png`; `images[i]["source"]` of its result.json is the original's path.
    Pictures without an original (moved since) or of another size are skipped.
    """
    originals: dict[str, tuple[str, np.ndarray]] = {}
    shown: dict[str, list[Reconstruction]] = {}
    for curve, point in _chosen(runs):
        for part in with_pictures(point):
            source, name = str(part.record.get("source", "")), part.name
            if (
                source not in originals
                and len(originals) < MAX_PHOTOGRAPHS
                and (rgb := _read(Path(source))) is not None
            ):
                originals[source] = (name, rgb)
            picture = point.picture(part)
            if source not in originals or picture is None:
                continue
            decoded = _read(picture)
            if decoded is not None and decoded.shape == originals[source][1].shape:
                label = f"{curve.name} · " if len(runs) > 1 else ""
                shown.setdefault(source, []).append(Reconstruction(label + _caption(point, part), decoded))
    return [Row(originals[source][0], originals[source][1], cells) for source, cells in shown.items()]


def _chosen(runs: Sequence[Curve]) -> list[tuple[Curve, Point]]:
    """Points to show: of one curve some from lowest to highest rate, of several the middle one of each."""
    if len(runs) > 1:
        return [(curve, curve.points[len(curve.points) // 2]) for curve in runs[:MAX_RECONSTRUCTIONS]]
    pairs = [(curve, point) for curve in runs for point in curve.points]
    picked = np.linspace(0, len(pairs) - 1, min(len(pairs), MAX_RECONSTRUCTIONS)).round().astype(int)
    return [pairs[i] for i in picked]


def with_pictures(point: Point) -> list[Part]:
    """Photographs that share their name with no other: of those that do, one picture was left for all."""
    found = point.parts(Modality.IMAGE)
    counts = Counter(part.name for part in found)
    return [part for part in found if counts[part.name] == 1]


def _read(path: Path) -> np.ndarray | None:
    if not path.is_file():
        return None
    try:
        return read_picture(path).rgb
    except LicError:
        return None


def _caption(point: Point, part: Part) -> str:
    parts = [f"λ {point.extra['lmbda']:g}"] if isinstance(point.extra.get("lmbda"), (int, float)) else []
    parts += [f"{part.bpp:.3f} bpp"]
    parts += [f"{part.psnr:.1f} dB"] if part.psnr is not None else []
    return " · ".join(parts)


def save_stacked(pictures: Sequence[Image.Image], path: Path) -> Path:
    """Write one PNG with the pictures below each other; folders are made."""
    sheet = Image.new("RGB", (max(p.width for p in pictures), sum(p.height for p in pictures)), PAPER)
    top = 0
    for picture in pictures:
        sheet.paste(picture, (0, top))
        top += picture.height
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as beside:
        sheet.save(beside, "PNG")
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
