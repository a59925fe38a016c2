"""With which quality a JPEG was made, by its quantisation tables."""

import io
import math
from collections.abc import Mapping, Sequence
from functools import cache

from PIL import Image

Table = tuple[int, ...]


def quality_of(tables: Mapping[int, Sequence[int]]) -> int:
    """The quality, 1 to 100, at which libjpeg's table of luma is the most like a file's.

    Args:
        tables: as Pillow has them (`Image.quantization`): 64 numbers by the table's number; the first is luma's.

    Of tables of libjpeg's it is the quality itself, but for the lowest, whose tables are alike. Of other programs'
    tables it is that of the nearest steps, as ratios go.
    """
    own = tuple(tables[min(tables)])
    return min(range(1, 101), key=lambda quality: _distance(own, luma_tables()[quality - 1]))


def _distance(a: Table, b: Table) -> float:
    return sum(abs(math.log(max(p, 1) / max(q, 1))) for p, q in zip(a, b))


@cache
def luma_tables() -> tuple[Table, ...]:
    """Of the qualities 1 to 100, as Pillow orders their numbers."""
    return tuple(_luma_table(quality) for quality in range(1, 101))


def _luma_table(quality: int) -> Table:
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        return tuple(image.quantization[0])
