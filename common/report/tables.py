"""Tables of points, and cells of BD-rates: rows of text, for a terminal, Markdown, LaTeX and HTML."""

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, NamedTuple

from common.results.bd import MIN_OVERLAP, BDQuality, BDRate, doubts
from common.results.bd_certainty import Range
from common.results.bootstrap import Interval
from common.results.curves import Curve, Point, own_of
from common.results.measures import Measure

MARK = "†"


class Table(NamedTuple):
    """Rows of text under `columns`; the first `labels` columns are names, the others right-aligned figures.

    `breaks` holds the numbers of the rows before which a new block begins, `notes` what to read below the
    table.
    """

    title: str
    columns: list[str]
    rows: list[list[str]]
    labels: int = 1
    breaks: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()


POINTS = "Points: PSNR and MS-SSIM in dB, seconds per picture"
POINTS_OF_CLIPS = "Points: PSNR and MS-SSIM in dB, seconds per frame"


def points_table(curves: Sequence[Curve], title: str = POINTS) -> Table:
    """One row per point: λ or quality, number of seeds, bpp from the files, estimated bpp, PSNR, MS-SSIM, measures of
    one's own, seconds.

    Columns that no point fills are left out. Where a point is lossless, bits are given per subpixel, too.
    """
    own, subpixels = own_of(curves), any(point.lossless for curve in curves for point in curve.points)
    columns = ["curve", "λ / q", "seeds", "bpp", "bits/subpixel", "est. bpp", "PSNR", "MS-SSIM"]
    columns += [*(each.axis for each in own), "enc. s", "dec. s"]
    rows: list[list[str]] = []
    breaks = set()
    for curve in curves:
        breaks.add(len(rows))
        rows += [
            [curve.name if i == 0 else "", *_figures(point, own, subpixels)] for i, point in enumerate(curve.points)
        ]
    kept = [i for i in range(len(columns)) if i == 0 or any(row[i] for row in rows)]
    rows = [[row[i] for i in kept] for row in rows]
    notes = tuple(dict.fromkeys(curve.note for curve in curves if curve.note))
    return Table(title, [columns[i] for i in kept], rows, breaks=frozenset(breaks - {0}), notes=notes)


def _figures(point: Point, own: Sequence[Measure], subpixels: bool) -> list[str]:
    extra, infinite = point.extra, math.inf if point.lossless else None
    return [
        point.setting,
        _format(extra.get("seeds"), "d"),
        f"{point.bpp:.4f}",
        f"{point.bpp / 3:.4f}" if subpixels else "",
        _format(extra.get("bpp_estimated"), ".4f"),
        _format(point.psnr if infinite is None else infinite, ".2f"),
        _format(point.quality("ms-ssim-rgb"), ".2f"),
        *(_format(extra.get(each.key), ".4f") for each in own),
        _format(extra.get("encoding_time"), ".3f"),
        _format(extra.get("decoding_time"), ".3f"),
    ]


def _format(value: Any, spec: str) -> str:
    if value == math.inf:
        return "∞"
    return format(value, spec) if isinstance(value, (int, float)) else ""


NOT_COMPARABLE = "not comparable"


def percent(result: BDRate | None, interval: Interval | None = None) -> str:
    """A BD-rate as a table's cell, with its interval, with the overlap in brackets where it is small and a mark where
    `footnotes` says more; a dash for a curve with itself."""
    if result is None:
        return "—"
    if result.percent is None:
        return NOT_COMPARABLE + mark(result)
    between = f" {limits(interval)}" if interval else ""
    return signed(result.percent, ".1f", " %") + between + overlapping(result.overlap) + mark(result)


def limits(found: Interval | Range | None) -> str:
    """`[−13.9, −10.8]`, in percent; empty where it is not known."""
    return f"[{signed(found.low, '.1f')}, {signed(found.high, '.1f')}]" if found else ""


def gain(result: BDQuality, unit: str = "") -> str:
    """dB gained as a table's cell, likewise."""
    shown = NOT_COMPARABLE if result.db is None else signed(result.db, ".2f", unit) + overlapping(result.overlap)
    return shown + mark(result)


def mark(result: BDRate | BDQuality) -> str:
    """What follows a figure on which a footnote says more."""
    return f" {MARK}" if doubts(result) else ""


def footnotes(results: Iterable[BDRate | BDQuality | None]) -> tuple[str, ...]:
    """What to read below a table of `results` before quoting a figure that is marked, each said once."""
    said = dict.fromkeys(doubt for result in results if result for doubt in doubts(result))
    return tuple(f"{MARK} {doubt}" for doubt in said)


def signed(value: float, spec: str, unit: str = "") -> str:
    """`value` with its sign, a true minus."""
    return format(value, f"+{spec}").replace("-", "−") + unit


def overlapping(overlap: float) -> str:
    """What a Bjøntegaard delta carries where the curves share little of their range: ` (42 %)`."""
    return f" ({int(100 * overlap)} %)" if overlap < MIN_OVERLAP else ""


def to_html(table: Table) -> str:
    """A `<table>` under a heading, the notes below."""

    def cells(row: Sequence[str], kind: str) -> str:
        kinds = (kind if j < table.labels else f"{kind} class=n" for j in range(len(row)))
        return "".join(f"<{opened}>{escape(cell)}</{kind}>" for opened, cell in zip(kinds, row))

    head = cells(table.columns, "th")
    body = [f"<tr{' class=b' if i in table.breaks else ''}>{cells(row, 'td')}</tr>" for i, row in enumerate(table.rows)]
    notes = "".join(f"<p class=note>{escape(note)}</p>" for note in table.notes)
    rows = "\n".join(body)
    grid = f"<table><tr>{head}</tr>\n{rows}\n</table>"
    return f"<h3>{escape(table.title)}</h3>\n<div class=wide>{grid}</div>\n{notes}\n"
