"""Tables of points, BD-rates and failures: made once as rows of text, shown as Markdown, HTML or in a terminal."""

import csv
import io
from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

from common.rd.bd import MIN_OVERLAP, SHARED, BDRate, Method, bd_matrix
from common.rd.collect import Failure
from common.rd.curves import Curve, Group, Metric, Point
from common.rd.point_names import among_siblings

LABELS: dict[Metric, str] = {"psnr-rgb": "PSNR", "ms-ssim-rgb": "MS-SSIM"}


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


def points_table(curves: Sequence[Curve], title: str = POINTS) -> Table:
    """One row per point: λ or quality, number of seeds, bpp from the files, estimated bpp, PSNR, MS-SSIM, seconds.

    Columns that no point fills are left out.
    """
    columns = ["curve", "λ / q", "seeds", "bpp", "est. bpp", "PSNR", "MS-SSIM", "enc. s", "dec. s"]
    rows: list[list[str]] = []
    breaks = set()
    for curve in curves:
        breaks.add(len(rows))
        rows += [[curve.name if i == 0 else "", *_figures(point)] for i, point in enumerate(curve.points)]
    kept = [i for i in range(len(columns)) if i == 0 or any(row[i] for row in rows)]
    rows = [[row[i] for i in kept] for row in rows]
    return Table(title, [columns[i] for i in kept], rows, breaks=frozenset(breaks - {0}))


def setting_of(point: Point) -> str:
    """λ or the quality at which a point was made, empty where it is not said."""
    found = (point.extra.get(key) for key in ("lmbda", "quality", "qp", "crf"))
    setting = next((value for value in found if value is not None), None)
    return "" if setting is None else f"{setting:g}" if isinstance(setting, (int, float)) else str(setting)


def _figures(point: Point) -> list[str]:
    extra = point.extra
    return [
        setting_of(point),
        _format(extra.get("seeds"), "d"),
        f"{point.bpp:.4f}",
        _format(extra.get("bpp_estimated"), ".4f"),
        _format(point.psnr, ".2f"),
        _format(point.quality("ms-ssim-rgb"), ".2f"),
        _format(extra.get("encoding_time"), ".3f"),
        _format(extra.get("decoding_time"), ".3f"),
    ]


def _format(value: Any, spec: str) -> str:
    return format(value, spec) if isinstance(value, (int, float)) else ""


def bd_table(group: Group, metric: Metric = "psnr-rgb", method: Method = "akima") -> Table | None:
    """BD-rates of the runs (columns; without runs, of every curve) against every curve (rows) of the group.

    Curves of one point are named below it. None when there is nothing to compare: no two curves, or no run that is one.
    """
    count = {c.name: sum(point.quality(metric) is not None for point in c.points) for c in group.curves}
    known = [c for c in group.curves if count[c.name] > 1]
    tests = [c for c in known if c.kind == "run"] or known
    anchors = [c for c in known if c.kind != "run"] + ([c for c in known if c.kind == "run"] if len(tests) > 1 else [])
    if not anchors or anchors == tests[:1]:
        return None
    matrix = bd_matrix(anchors, tests, metric, method)
    said = (part for row in matrix for result in row if result for part in result.note.split("; "))
    notes = dict.fromkeys(part for part in said if part and not part.startswith(SHARED))  # the cell shows those
    bracketed = any(result and _partial(result) for row in matrix for result in row)
    legend = [f"Bits at equal quality compared with the row's codec ({method}); negative: fewer bits."]
    if bracketed:
        legend.append(
            f"In brackets: part of the quality range that both curves cover, where below {MIN_OVERLAP:.0%}; "
            "such a figure speaks for that part only."
        )
    if lone := [name for name, points in count.items() if points == 1]:
        legend.append(f"One point is no curve: {', '.join(lone)}.")
    rows = [[a.name, *(percent(result) for result in row)] for a, row in zip(anchors, matrix)]
    title = f"BD-rate, {LABELS[metric]}"
    return Table(title, ["against", *(c.name for c in tests)], rows, notes=(*legend, *notes))


def _partial(result: BDRate) -> bool:
    return result.percent is not None and result.overlap < MIN_OVERLAP


def percent(result: BDRate | None) -> str:
    """A BD-rate as a table's cell, with the overlap in brackets where it is small; a dash for a curve with itself."""
    if result is None:
        return "—"
    if result.percent is None:
        return "not comparable"
    return signed(result.percent, ".1f", " %") + overlapping(result.overlap)


def signed(value: float, spec: str, unit: str = "") -> str:
    """`value` with its sign, a true minus."""
    return format(value, f"+{spec}").replace("-", "−") + unit


def overlapping(overlap: float) -> str:
    """What a Bjøntegaard delta carries where the curves share little of their range: ` (42 %)`."""
    return f" ({int(100 * overlap)} %)" if overlap < MIN_OVERLAP else ""


def failures_table(failures: Sequence[Failure]) -> Table:
    """Points without a result, and why."""
    names = among_siblings([failure.folder for failure in failures])
    return Table("Failed", ["point", "reason"], [[name, f.reason] for name, f in zip(names, failures)], labels=2)


def to_markdown(table: Table) -> str:
    """A GitHub table under a heading, the notes as a list below."""
    rules = ["---" if i < table.labels else "---:" for i in range(len(table.columns))]
    cells = [
        table.columns,
        rules,
        *([cell.replace("|", "\\|").replace("\n", " ") for cell in r] for r in table.rows),
    ]
    lines = [f"### {table.title}", "", *("| " + " | ".join(row) + " |" for row in cells)]
    return "\n".join([*lines, *(["", *(f"- {note}" for note in table.notes)] if table.notes else [])]) + "\n"


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


def points_csv(groups: Sequence[Group]) -> str:
    """Every point of every group, full precision, one row each."""
    extras = dict.fromkeys(key for g in groups for c in g.curves for point in c.points for key in point.extra)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["protocol", "dataset", "curve", "kind", "bpp", "psnr", "ms_ssim", "ms_ssim_db", *extras, "source"])
    for g in groups:
        for c in g.curves:
            for p in c.points:
                figures = [
                    p.bpp,
                    p.psnr,
                    p.ms_ssim,
                    p.quality("ms-ssim-rgb"),
                    *(p.extra.get(key) for key in extras),
                ]
                writer.writerow([g.protocol, g.dataset, c.name, c.kind, *figures, p.source])
    return out.getvalue()
