"""The gallery of a page: photographs, what the runs made of them and where their bits went.

A page has a budget of bytes, so it does not show every reconstruction of two hundred runs: pictures are taken in the
order of `_ordered`, in a quality that their number allows, until the budget is spent.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from common.rd.curves import Curve
from common.rd.page_curves import records_of
from common.rd.page_pictures import data_uri, fitted, size_of

MAX_PHOTOGRAPHS = 24
MAX_SHOTS = 216  # more would cost more time than they help
FEATURED = 2  # photographs on which every curve is shown, before the others show more than one
SIDE = 768  # pixels, at most, of a picture; its bit map has half of them
BITS_QUALITY = 60
# WebP's quality -> the characters that a pixel of a photograph takes, about
QUALITIES = {92: 0.48, 88: 0.35, 82: 0.24, 75: 0.19}


class Shot(NamedTuple):
    """What one run made of a photograph.

    Attributes:
        rank: 0 for the middle point of a curve, 1 and 2 for its ends, then the others.
        curve, point: numbers of the curve and of the point on it.
        bits: where the bits went, if the run kept that.
    """

    rank: int
    curve: int
    point: int
    picture: Path
    bits: Path | None


class Photograph(NamedTuple):
    """An original of (width, height) `size` in pixels, and its reconstructions of the same size."""

    name: str
    source: Path
    size: tuple[int, int]
    shots: list[Shot]


def photographs(curves: Sequence[Curve]) -> list[Photograph]:
    """What a gallery may show: originals that still lie where they were, and the runs' `pictures/NAME.png` of them."""
    files: dict[Path, Any] = {}
    found: dict[str, Photograph] = {}
    gone: set[str] = set()
    for number, curve in enumerate(curves):
        for rank, place in enumerate(_middle_first(len(curve.points)) if curve.kind == "run" else []):
            point = curve.points[place]
            key, records = records_of(point, files)
            for record in records if key == "file" and point.source else []:
                source, name = str(record.get("source", "")), Path(str(record["file"])).stem
                if source not in found and source not in gone and len(found) < MAX_PHOTOGRAPHS:
                    size = size_of(Path(source), exif=True)
                    if size is None:
                        gone.add(source)
                    else:
                        found[source] = Photograph(name, Path(source), size, [])
                if source in found and point.source is not None:
                    picture, bits = (point.source.parent / kind / f"{name}.png" for kind in ("pictures", "bits"))
                    if size_of(picture) == found[source].size:
                        shot = Shot(rank, number, place, picture, bits if bits.is_file() else None)
                        found[source].shots.append(shot)
    return [each._replace(shots=sorted(each.shots)) for each in found.values() if each.shots]


def _middle_first(count: int) -> list[int]:
    """Numbers of points, the middle one, both ends, then the others: `5 -> [2, 4, 0, 1, 3]`."""
    return list(dict.fromkeys([count // 2, count - 1, 0, *range(count)])) if count else []


def _ordered(shown: Sequence[Photograph]) -> Iterator[tuple[int, Shot]]:
    """(number of the photograph, shot), the most wanted first.

    The middle points of all curves on the first photographs, so that curves can be compared; then one of every
    photograph in turn, so that all are there.
    """
    heads = [sum(shot.rank == 0 for shot in each.shots) if i < FEATURED else 0 for i, each in enumerate(shown)]
    for i, each in enumerate(shown):
        yield from ((i, shot) for shot in each.shots[: heads[i]])
    for turn in zip_longest(*(each.shots[heads[i] :] for i, each in enumerate(shown))):
        yield from ((i, shot) for i, shot in enumerate(turn) if shot is not None)


def gallery_data(curves: Sequence[Curve], budget: int) -> dict[str, Any] | None:
    """The gallery of the runs among `curves` in at most `budget` characters of pictures; None where it has none.

    Returns:
        {"quality": WebP's, "side": pixels, "left": number of reconstructions that are not shown,
         "photographs": [{"name", "size", "src", "shots": [{"curve", "point", "src", "bits"}]}]}
        where each "src" is a data URI and "bits" one or None.
    """
    shown = photographs(curves)
    order = list(islice(_ordered(shown), MAX_SHOTS))
    quality = _affordable([shown[i].size for i, _ in order] + [shown[i].size for i in {i for i, _ in order}], budget)
    entries: dict[int, dict[str, Any]] = {}
    spent = 0
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:  # Pillow lets go of the interpreter while it encodes
        for start in range(0, len(order), 24):
            part = order[start : start + 24]
            fresh = [i for i in dict.fromkeys(i for i, _ in part) if i not in entries]
            originals = dict(zip(fresh, pool.map(lambda i: data_uri(shown[i].source, SIDE, quality), fresh)))
            for (i, shot), pictures in zip(part, pool.map(lambda job: _pictures(job[1], quality), part)):
                cost = sum(len(uri) for uri in pictures) + (0 if i in entries else len(originals[i]))
                spent += cost
                if spent > budget or not pictures[0]:
                    continue
                entry = {"name": shown[i].name, "size": shown[i].size, "src": originals.get(i, ""), "shots": []}
                shots = entries.setdefault(i, entry)["shots"]
                shots.append(
                    {"curve": shot.curve, "point": shot.point, "src": pictures[0], "bits": pictures[1] or None}
                )
            if spent > budget:
                break
    if not entries:
        return None
    left = sum(len(each.shots) for each in shown) - sum(len(entry["shots"]) for entry in entries.values())
    ordered = [entries[i] for i in sorted(entries)]
    return {"quality": quality, "side": SIDE, "left": left, "photographs": ordered}


def _pictures(shot: Shot, quality: int) -> tuple[str, str]:
    """The reconstruction and its bit map, the latter empty where there is none."""
    return data_uri(shot.picture, SIDE, quality), data_uri(shot.bits, SIDE // 2, BITS_QUALITY) if shot.bits else ""


def _affordable(sizes: Sequence[tuple[int, int]], budget: int) -> int:
    """The best quality in which photographs of these sizes should take at most three quarters of the budget."""
    pixels = sum(width * height for width, height in (fitted(size, SIDE) for size in sizes))
    return next((quality for quality, each in QUALITIES.items() if each * pixels < 0.75 * budget), min(QUALITIES))
