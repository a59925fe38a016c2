"""The gallery of a page: photographs, what the runs made of them and where their bits went.

A page has a budget of bytes, so it does not show every reconstruction of two hundred runs: pictures are taken in the
order of `_ordered`, in a quality that their number allows, until the budget is spent.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from html import escape
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from common.cpus import granted
from common.report.figures.gallery import with_pictures
from common.report.html.classical import Seen, made, nearest
from common.report.html.controls import count, select
from common.report.html.data_uris import data_uri, fitted, most_bits, size_of
from common.results.curves import Curve

MAX_PHOTOGRAPHS = 24
MAX_SHOTS = 120  # five of each of 24 photographs; more would take a report longer than they help
RUNS = 0.75  # of the budget, where there are classical codecs, too
FEATURED = 2  # photographs on which every curve is shown, before the others show more than one
SIDE = 768  # pixels, at most, of a picture; its bit map has half of them
BITS_QUALITY = 60
AHEAD = 32
# WebP's quality -> the characters that a pixel of a photograph takes, about
QUALITIES = {92: 0.48, 88: 0.35, 82: 0.24, 75: 0.19}


SCALE = (
    '<div class="scale" hidden><i></i><div><span></span><span></span><span></span></div>'
    "<p class=note>Estimated bits, those of each position of a latent spread evenly over the pixels that it stands for."
    "</p></div>\n"
)


def gallery_part(number: int, data: dict[str, Any], content: str) -> str:
    """The gallery of section `number`, whose data are `content`: a wipe between an original and what came back."""
    left = f" {count(data['left'], 'more reconstruction')} did not fit on the page." if data["left"] else ""
    bits = any(shot["bits"] for photograph in data["photographs"] for shot in photograph["shots"])
    strength = (
        '<label class="check"><input type="checkbox" name="bits"> Where the bits went</label>'
        '<label class="weak">Strength <input type="range" name="strength" min="10" max="100" value="70"></label>'
    )
    return (
        f'<div class="live gallery" data-section="{number}"><h3>Gallery</h3>\n'
        '<div class="strip" role="group" aria-label="Photographs"></div>\n'
        f"<div class=bar>{select('Left', 'left', [])}{select('Right', 'curve', [])}{select('at', 'point', [])}"
        f"{strength if bits else ''}</div>\n"
        '<div class="stage"><img class="right" alt=""><img class="bits" alt="" hidden><img class="left" alt="">'
        '<div class="edge"></div></div>\n'
        '<input class="wipe" type="range" min="0" max="1000" value="500" aria-label="Wipe from left to right">\n'
        f"{SCALE if bits else ''}"
        '<div class="captions"><p class="of-left"></p><p class="of-right" aria-live="polite"></p></div>\n'
        f"<p class=note>Pictures here are at most {data['side']} pixels wide or high and were made small as WebP "
        f"(quality {data['quality']}); the exact ones lie in the runs’ <code>pictures/</code>."
        f"{left}{_unmade(data['unmade'])}</p>\n"
        f'<script type="application/json" class="content">{content}</script></div>\n'
    )


def _unmade(names: Sequence[str]) -> str:
    """What to know of classical codecs of which there is no picture."""
    named = ", ".join(map(escape, names))
    return f" None of {named}: the files that were measured cannot be made again here." if names else ""


class Shot(NamedTuple):
    """What one run made of a photograph.

    Attributes:
        rank: 0 for the middle point of a curve, 1 and 2 for its ends, then the others.
        curve, point: numbers of the curve and of the point on it.
        bpp: of this photograph.
        bits: where the bits went; it need not exist.
    """

    rank: int
    curve: int
    point: int
    bpp: float
    picture: Path
    bits: Path


class Photograph(NamedTuple):
    """An original of (width, height) `size` in pixels, and its reconstructions."""

    name: str
    source: Path
    size: tuple[int, int]
    shots: list[Shot]


def photographs(curves: Sequence[Curve]) -> list[Photograph]:
    """What a gallery may show: originals that still lie where they were, and the runs' `pictures/NAME.png` of them."""
    found: dict[str, Photograph] = {}
    gone: set[str] = set()
    for number, curve in enumerate(curves):
        for rank, place in enumerate(_middle_first(len(curve.points)) if curve.kind == "run" else []):
            point = curve.points[place]
            for part in with_pictures(point):
                source, name = str(part.record.get("source", "")), part.name
                if source not in found and source not in gone and len(found) < MAX_PHOTOGRAPHS:
                    size = size_of(Path(source), exif=True)
                    if size is None:
                        gone.add(source)
                    else:
                        found[source] = Photograph(name, Path(source), size, [])
                picture, bits = point.picture(part), point.picture(part, "bits")
                if source in found and picture is not None and bits is not None and picture.is_file():
                    found[source].shots.append(Shot(rank, number, place, part.bpp, picture, bits))
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
    """The gallery of `curves` in at most `budget` characters of pictures; None where no run has pictures.

    Returns:
        {"quality": WebP's, "side": pixels, "left": number of the runs' reconstructions that are not shown,
         "unmade": names of classical codecs whose files could not be made again,
         "photographs": [{"name", "size", "src", "shots": [{"curve", "point", "src", "bits", "most"}]}]}
        where each "src" is a data URI, "bits" one or None, "most" the bits per pixel of its brightest colour
        or None. Shots of the runs come before those of classical codecs.
    """
    shown = photographs(curves)
    fitting = ((i, shot) for i, shot in _ordered(shown) if size_of(shot.picture) == shown[i].size)
    order = list(islice(fitting, MAX_SHOTS))
    others = any(curve.kind == "baseline" for curve in curves)
    own = int(RUNS * budget) if others else budget
    quality = _affordable([shown[i].size for i, _ in order] + [shown[i].size for i in {i for i, _ in order}], own)
    entries: dict[int, dict[str, Any]] = {}
    rates: dict[int, list[float]] = {}
    spent = 0
    for (i, shot), (original, decoded, bits) in zip(order, _encoded(shown, order, quality)):
        spent += len(original) + len(decoded) + len(bits)
        if spent > own:
            break
        if original:
            entries[i] = {"name": shown[i].name, "size": shown[i].size, "src": original, "shots": []}
        if i in entries and decoded:
            most = most_bits(shot.bits) if bits else None
            own_shot = {"curve": shot.curve, "point": shot.point, "src": decoded, "bits": bits or None, "most": most}
            entries[i]["shots"].append(own_shot)
            rates.setdefault(i, []).append(shot.bpp)
    left = sum(len(each.shots) for each in shown) - sum(len(each["shots"]) for each in entries.values())
    seen = [Seen(i, shown[i].name, shown[i].source, rates[i]) for i in sorted(rates)]
    wanted = nearest(seen, curves)
    spent = min(spent, own)
    unmade = {place.curve for place in wanted}
    for place, src in zip(wanted, made(wanted, SIDE, quality)):
        spent += len(src)
        unmade -= {place.curve} if src else set()
        if src and spent <= budget:
            shot_of = {"curve": place.curve, "point": place.point, "src": src, "bits": None, "most": None}
            entries[place.photograph]["shots"].append(shot_of)
    photographs_shown = [entries[i] for i in sorted(entries) if entries[i]["shots"]]
    if not photographs_shown:
        return None
    names = [curves[number].name for number in sorted(unmade)]
    return {"quality": quality, "side": SIDE, "left": left, "unmade": names, "photographs": photographs_shown}


def _encoded(
    shown: Sequence[Photograph], order: Sequence[tuple[int, Shot]], quality: int
) -> Iterator[tuple[str, str, str]]:
    """Original (where `order` first comes to it), reconstruction and bit map of every shot; empty: there is none."""
    first = {i: place for place, (i, _) in reversed(list(enumerate(order)))}

    def encode(place: int) -> tuple[str, str, str]:
        i, shot = order[place]
        original = data_uri(shown[i].source, SIDE, quality) if first[i] == place else ""
        return original, data_uri(shot.picture, SIDE, quality), data_uri(shot.bits, SIDE // 2, BITS_QUALITY)

    with ThreadPoolExecutor(granted()) as pool:  # Pillow lets go of the interpreter while it encodes
        for start in range(0, len(order), AHEAD):  # what comes after the budget is spent is not encoded
            yield from pool.map(encode, range(start, min(start + AHEAD, len(order))))


def _affordable(sizes: Sequence[tuple[int, int]], budget: int) -> int:
    """The best quality in which photographs of these sizes should take at most three quarters of the budget."""
    pixels = sum(width * height for width, height in (fitted(size, SIDE) for size in sizes))
    return next((quality for quality, each in QUALITIES.items() if each * pixels < 0.75 * budget), min(QUALITIES))
