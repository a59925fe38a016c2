"""A study's rows as its paper prints them: our figures, and beside them, marked as such, what the paper claims.

A claim is shown as it is printed and enters none of our figures.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from common.report.ablation.study_runs import Run, Study
from common.report.mean_std import seeds_note, shown
from common.report.tables import Table
from common.results.points import decibel

CLAIM = "paper: "


class Line(NamedTuple):
    """A row of a study, at one λ and one operating point where it has them; `runs` or `claim` may be empty."""

    names: Sequence[str]
    lmbda: float | None
    quality: float | None
    runs: Sequence[Run]
    claim: Mapping[str, Any]


def rows_table(
    study: Study, measured: Callable[[Line], dict[str, str]], beside: Mapping[str, str], notes: Sequence[str]
) -> Table:
    """The study's rows in the paper's order, a block for each λ and operating point: our means over seeds ± their
    spread, claims beside.

    Columns that no row fills are left out.

    Args:
        measured: heading -> our figure of a line, empty where there is none; see `common.report.mean_std.cells`.
        beside: a claim's key in the study -> our heading that it stands beside; others come last.
        notes: on our figures.
    """
    lines = _lines(study)
    cells = [measured(line) | _claims(line, study.spec) for line in lines]
    headings = shown(_headings(cells[0], study.spec["claims"], beside), cells)
    rated = any(line.lmbda is not None for line in lines)
    levels = any(line.quality is not None for line in lines)
    names = [*study.spec["columns"], *(["λ"] if rated else []), *(["level"] if levels else [])]
    said = [[*line.names, *([_lmbda(line)] if rated else []), *([_level(line)] if levels else [])] for line in lines]
    return Table(
        study.title,
        [*names, *headings],
        [[*labels, *(row[heading] for heading in headings)] for labels, row in zip(said, cells)],
        labels=len(names),
        breaks=frozenset(i for i in range(1, len(lines)) if _block(lines[i]) != _block(lines[i - 1])),
        notes=(*seeds_note(cells), *_doubled(study), *notes, *_converted(study), *study.sources),
    )


def _lines(study: Study) -> list[Line]:
    """Every row at every λ that we ran or the paper names; rows of our own that the paper lacks come last."""
    claims: Sequence[Mapping[str, Any]] = study.spec["rows"]
    rows = {tuple(map(str, claim["cells"])): claim.get("row") for claim in claims}
    blanks = [""] * (len(study.spec["columns"]) - 1)
    rows |= {(run.row, *blanks): run.row for run in study.runs if run.row not in rows.values()}
    lmbdas = {run.lmbda for run in study.runs} | {claim["lmbda"] for claim in claims if "lmbda" in claim}
    points = {(lmbda, run.quality) for lmbda in lmbdas for run in study.runs if run.lmbda == lmbda}
    points |= {(lmbda, None) for lmbda in lmbdas if lmbda not in {known for known, _ in points}}
    lines = []
    for lmbda, quality in sorted(points, key=lambda point: (point[0] or 0.0, point[1] or 0.0)):
        for names, row in rows.items():
            runs = [run for run in study.runs if (run.row, run.lmbda, run.quality) == (row, lmbda, quality)]
            said = [c for c in claims if tuple(map(str, c["cells"])) == names and c.get("lmbda", lmbda) == lmbda]
            if runs or said:
                lines.append(Line(names, lmbda, quality, runs, said[0] if said else {}))
    return lines


def _block(line: Line) -> tuple[float | None, float | None]:
    return line.lmbda, line.quality


def _level(line: Line) -> str:
    return "" if line.quality is None else f"{line.quality:g}"


def _headings(cells: Mapping[str, str], claims: Mapping[str, str], beside: Mapping[str, str]) -> list[str]:
    """Those of `cells`, the claims moved beside our figures of the same kind."""
    headings = [heading for heading in cells if not heading.startswith(CLAIM)]
    for key, heading in claims.items():
        place = headings.index(beside[key]) + 1 if key in beside else len(headings)
        headings.insert(place, CLAIM + heading)
    return headings


def _lmbda(line: Line) -> str:
    return f"{line.lmbda:g}" if line.runs or "lmbda" in line.claim else ""


def _claims(line: Line, spec: Mapping[str, Any]) -> dict[str, str]:
    """Heading -> the paper's figure, with the decimals that its column is printed with (YAML reads 33.10 as 33.1).

    MS-SSIM that is printed from 0 to 1 is in dB here, as ours is.
    """
    claims = {}
    for key, heading in spec["claims"].items():
        printed = [str(row[key]) for row in spec["rows"] if row.get(key) is not None]
        places = max((len(text.partition(".")[2]) for text in printed), default=0)
        value = line.claim.get(key)
        if key == "ms_ssim" and value is not None:
            value, places = decibel(value), 1
        claims[CLAIM + heading] = "" if value is None else f"{value:.{places}f}"
    return claims


def _converted(study: Study) -> list[str]:
    known = "ms_ssim" in study.spec["claims"]
    return ["MS-SSIM: −10·log10(1 − MS-SSIM) of what the paper prints from 0 to 1."] if known else []


def _doubled(study: Study) -> list[str]:
    runs = study.runs
    keys = [(run.row, run.lmbda, run.quality, run.seed) for run in runs]
    rows = sorted({run.row for run, key in zip(runs, keys) if keys.count(key) > 1})
    return [f"{row}: two runs of one seed differ, so other settings do, too." for row in rows]
