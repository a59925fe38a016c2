"""A gallery's photographs as classical codecs decode them, at the quality whose file size is nearest to the runs'.

`lic bench` stores numbers only. So the photograph is coded again here, from the original. If the new file has not
exactly the length of the measured one, the original or the codec's version has changed, and no picture is shown.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from common.cpus import granted
from common.data.image_io import read_picture
from common.errors import LicError
from common.report.html.data_uris import as_uri
from common.results.curves import Curve
from common.results.record import Modality

ENDING = ".baseline.json"
MOST = 24  # pictures are made again; the slowest codecs take half a second for each


class Wanted(NamedTuple):
    """A photograph by its number in the gallery; a point of a classical curve; the file to be made again of it."""

    photograph: int
    curve: int
    point: int
    original: Path
    codec: str
    quality: int
    length: int  # bytes


class Seen(NamedTuple):
    """A photograph of the gallery: its number, name and file, and the bpp of what the gallery shows of it."""

    number: int
    name: str
    original: Path
    rates: Sequence[float]


def nearest(seen: Sequence[Seen], curves: Sequence[Curve]) -> list[Wanted]:
    """Of every classical codec the point nearest to each rate: all that is nearest to first rates comes first."""
    turns: list[list[Wanted]] = []
    for photograph in seen:
        for number, curve in enumerate(curves):
            places = range(len(curve.points)) if curve.kind == "baseline" else ()
            known = [found for place in places if (found := _at(curve, place, number, photograph))]
            own = [min(known, key=lambda each: abs(each[0] - rate))[1] for rate in photograph.rates] if known else []
            turns.append(list(dict.fromkeys(own)))
    mixed = chain.from_iterable(zip_longest(*turns))
    return list(islice((each for each in mixed if each is not None), MOST))


def _at(curve: Curve, place: int, number: int, of: Seen) -> tuple[float, Wanted] | None:
    """bpp of a photograph at a point of a classical curve, and how its file is made."""
    point = curve.points[place]
    own = [part for part in point.parts(Modality.IMAGE) if part.name == of.name]
    if len(own) != 1 or point.source is None or not isinstance(own[0].record.get("bytes"), int):
        return None
    codec = point.source.name.removesuffix(ENDING)
    wanted = Wanted(of.number, number, place, of.original, codec, point.extra["quality"], own[0].record["bytes"])
    return own[0].bpp, wanted


def made(wanted: Sequence[Wanted], side: int, quality: int) -> Iterator[str]:
    """Data URIs, at most `side` pixels a side; empty where the file cannot be made again as it was."""
    if not wanted:
        return
    from common.baselines.codecs import available

    codecs = available().codecs

    def make(each: Wanted) -> str:
        codec = codecs.get(each.codec)
        if codec is None:
            return ""
        try:
            content = codec.encode(read_picture(each.original, background="white").rgb, each.quality)
            same = len(content) == each.length
            return as_uri(Image.fromarray(codec.decode(content)), side, quality) if same else ""
        except (LicError, OSError, ValueError):
            return ""

    with ThreadPoolExecutor(granted()) as pool:
        yield from pool.map(make, wanted)
