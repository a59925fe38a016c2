"""The files of a report beside its page and pictures: Markdown, JSON, and every figure as CSV."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

from common.report.bd_table import Comparison
from common.report.certainty_table import in_words
from common.report.flow_tables import lines, result_keys
from common.report.sections import ScoreSection, Section
from common.report.tables import Table
from common.results.bd_certainty import Range
from common.results.bootstrap import Interval
from common.results.collect import Failure
from common.results.curves import Group
from common.results.flow_results import ScoreGroup
from common.results.seeds import Spread

# What would become emphasis, code, a formula, an element, a link, a column. An underscore within a word is text.
_SPECIAL = re.compile(r"[\\`*$<~|]|(?<![^\W_])_|_(?![^\W_])|(?<=\])\(|!(?=\[)|&(?=#?\w+;)")


def report_md(title: str, sections: Sequence[Section | ScoreSection], closing: Sequence[Table]) -> str:
    """Figures and tables of all sections, then the tables `closing`."""
    parts = [f"# {text_of(title)}\n"]
    for section in sections:
        parts.append(f"## {text_of(section.heading)}\n")
        parts += [f"![{figure.stem}]({figure.name})\n" for figure in section.figures]
        parts += [to_markdown(table) for table in section.tables]
        heading, pictures = section.closer
        if pictures:
            parts.append(f"## {text_of(heading)}\n")
            parts += [f"![{picture.stem}]({picture.name})\n" for picture in pictures]
    return "\n".join([*parts, *map(to_markdown, closing)])


def to_markdown(table: Table) -> str:
    """A table under a heading, the notes as a list below."""
    rules = ["---" if i < table.labels else "---:" for i in range(len(table.columns))]
    cells = [table.columns, *table.rows]
    head, *rows = [" | ".join(map(text_of, row)) for row in cells]
    lines = [f"### {text_of(table.title)}", "", *(f"| {row} |" for row in (head, " | ".join(rules), *rows))]
    return "\n".join([*lines, *(["", *(f"- {text_of(note)}" for note in table.notes)] if table.notes else [])]) + "\n"


def text_of(name: str) -> str:
    """`name` in Markdown, where it reads as it is."""
    return _SPECIAL.sub(lambda found: "\\" + found.group(), " ".join(name.split()))


def report_json(
    title: str, sections: Sequence[Section | ScoreSection], failures: Sequence[Failure], notes: Sequence[str] = ()
) -> dict[str, Any]:
    """All curves, figures and tables, and `notes` on the whole."""
    return {
        "title": title,
        "groups": [_of_scores(each) if isinstance(each, ScoreSection) else _of_rates(each) for each in sections],
        "failures": [{"folder": str(failure.folder), "reason": failure.reason} for failure in failures],
        "notes": [*notes],
    }


def _of_rates(section: Section) -> dict[str, Any]:
    return _of_any(section) | {
        "curves": [curve.to_json() for curve in section.group.curves],
        "bd": _tables(section.bd),
        "notes": [*section.points.notes],
        "bd_rates": _bd_rates(section.comparison) if section.comparison else [],
        "sequences": _tables(section.sequences),
    }


def _of_scores(section: ScoreSection) -> dict[str, Any]:
    """Every line with all its figures, one value a seed."""
    scores = [
        {
            "name": line[0].name,
            "seeds": [score.seed for score in line],
            "results": {k: [s.results.get(k) for s in line] for k in result_keys([s.results for s in line])},
            **{k: [s.costs.get(k) for s in line] for k in result_keys([s.costs for s in line])},
        }
        for line in lines(section.group)
    ]
    return _of_any(section) | {"scores": scores}


def _of_any(section: Section | ScoreSection) -> dict[str, Any]:
    return {
        "protocol": section.group.protocol,
        "dataset": section.group.dataset,
        "studies": _tables(section.studies),
    }


def _tables(tables: Iterable[Table]) -> list[dict[str, Any]]:
    return [
        {"title": table.title, "columns": table.columns, "rows": table.rows, "notes": list(table.notes)}
        for table in tables
    ]


def _bd_rates(found: Comparison) -> list[dict[str, Any]]:
    """Every figure with what is to be known of it."""
    return [
        {"anchor": found.anchor.name, "curve": curve.name, "metric": metric, "method": found.method}
        | {"percent": each.rate.percent, "overlap": each.rate.overlap, "note": "; ".join(each.rate.notes)}
        | {"interval": _plain(each.interval), "leave_one_out": _plain(each.left_out), "seeds": _plain(each.seeds)}
        | {"missing": [in_words(missing) for missing in each.missing], "bd_quality": each.quality.db}
        for curve, rates in found.rows
        for metric, each in rates.items()
    ]


def _plain(found: Interval | Range | Spread | None) -> dict[str, float | None] | None:
    return None if found is None else found._asdict()


def points_csv(groups: Sequence[Group]) -> str:
    """Every point of every group, full precision, one row each."""
    extras = dict.fromkeys(key for g in groups for c in g.curves for point in c.points for key in point.extra)
    head = ["protocol", "dataset", "curve", "kind", "bpp", "psnr", "ms_ssim", "ms_ssim_db", *extras, "source"]
    rows = []
    for g in groups:
        for c in g.curves:
            for p in c.points:
                figures = [p.bpp, p.psnr, p.ms_ssim, p.quality("ms-ssim-rgb"), *(p.extra.get(key) for key in extras)]
                source = c.origin.source if c.origin else p.source
                rows.append([g.protocol, g.dataset, c.name, c.kind, *figures, source])
    return _csv(head, rows)


def scores_csv(groups: Sequence[ScoreGroup]) -> str:
    """Every run, every figure, full precision, one row each."""
    scores = [score for group in groups for score in group.scores]
    results, costs = (result_keys([getattr(score, part) for score in scores]) for part in ("results", "costs"))
    rows = []
    for s in scores:
        figures = [*(s.results.get(key) for key in results), *(s.costs.get(key) for key in costs)]
        rows.append([s.protocol, s.dataset, s.name, s.seed, *figures, s.source])
    return _csv(["protocol", "dataset", "run", "seed", *results, *costs, "source"], rows)


def _csv(head: Sequence[Any], rows: Sequence[Sequence[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([head, *rows])
    return out.getvalue()
