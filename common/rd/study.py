"""Ablation studies as the papers print them: our figures, and beside them, marked as such, what the paper claims.

A claim is shown as it is printed and enters none of our figures.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from common.rd.bd import Method, bd_psnr
from common.rd.curves import Curve, Group, Metric
from common.rd.seeds import spread
from common.rd.study_matrix import matrix_table
from common.rd.study_runs import Run, Study, find_studies
from common.rd.tables import Table, overlapping, signed

CLAIM = "paper: "
# A claim's key in a study -> our column that it stands beside; others come last.
BESIDE = {"bpp": "bpp", "psnr": "PSNR", "ms_ssim": "MS-SSIM dB", "ms_ssim_db": "MS-SSIM dB", "inference_ms": "dec. ms"}
LOSSES = {"mse": "bpp + λ·255²·MSE", "ms_ssim": "bpp + λ·(1 − MS-SSIM)"}


def study_tables(group: Group, method: Method = "akima") -> list[Table]:
    """A table for every study among the runs of `group`, in its paper's layout."""
    return [
        matrix_table(study, method) if "bd_rate" in study.spec else rows_table(study, method)
        for study in find_studies(group)
    ]


class _Line(NamedTuple):
    """A row of a study at one λ; `runs` or `claim` may be empty."""

    names: Sequence[str]
    lmbda: float
    runs: Sequence[Run]
    claim: Mapping[str, Any]


def rows_table(study: Study, method: Method = "akima") -> Table:
    """The study's rows in the paper's order, a block for each λ: our means over seeds ± their spread, claims beside.

    Columns that no row fills are left out.
    """
    lines = _lines(study)
    gains = _gains(study, method)
    cells = [_measured(line, gains) | _claims(line, study.spec) for line in lines]
    headings = [heading for heading in _headings(cells[0], study.spec["claims"]) if any(row[heading] for row in cells)]
    names = [*study.spec["columns"], "λ"]
    seeds = {row["seeds"] for row in cells if row["seeds"]}
    if len(seeds) == 1:  # a note says it
        headings.remove("seeds")
    return Table(
        study.title,
        [*names, *headings],
        [[*line.names, _lmbda(line), *(row[heading] for heading in headings)] for line, row in zip(lines, cells)],
        labels=len(names),
        breaks=frozenset(i for i in range(1, len(lines)) if lines[i].lmbda != lines[i - 1].lmbda),
        notes=_notes(study, seeds, bool(gains)),
    )


def _lines(study: Study) -> list[_Line]:
    """Every row at every λ that we ran or the paper names; rows of our own that the paper lacks come last."""
    claims: Sequence[Mapping[str, Any]] = study.spec["rows"]
    rows = {tuple(map(str, claim["cells"])): claim.get("row") for claim in claims}
    blanks = [""] * (len(study.spec["columns"]) - 1)
    rows |= {(run.row, *blanks): run.row for run in study.runs if run.row not in rows.values()}
    lines = []
    for lmbda in sorted({run.lmbda for run in study.runs} | {c["lmbda"] for c in claims if "lmbda" in c}):
        for names, row in rows.items():
            runs = [run for run in study.runs if (run.row, run.lmbda) == (row, lmbda)]
            said = [c for c in claims if tuple(map(str, c["cells"])) == names and c.get("lmbda", lmbda) == lmbda]
            if runs or said:
                lines.append(_Line(names, lmbda, runs, said[0] if said else {}))
    return lines


def _headings(cells: Mapping[str, str], claims: Mapping[str, str]) -> list[str]:
    """Those of `cells`, the claims moved beside our figures of the same kind."""
    headings = [heading for heading in cells if not heading.startswith(CLAIM)]
    for key, heading in claims.items():
        place = headings.index(BESIDE[key]) + 1 if key in BESIDE else len(headings)
        headings.insert(place, CLAIM + heading)
    return headings


def _lmbda(line: _Line) -> str:
    return f"{line.lmbda:g}" if line.runs or "lmbda" in line.claim else ""


def _measured(line: _Line, gains: Mapping[str, dict[str, str]]) -> dict[str, str]:
    """Heading -> our figure, empty where there is none."""
    runs = line.runs
    deltas = dict.fromkeys((heading for row in gains.values() for heading in row), "")
    return {
        "seeds": str(len(runs)) if runs else "",
        "bpp": _figure([run.point.bpp for run in runs], ".4f"),
        "PSNR": _figure([run.point.psnr for run in runs], ".2f"),
        "MS-SSIM dB": _figure([run.point.quality("ms-ssim-rgb") for run in runs], ".2f"),
        "RD cost": _figure([run.cost for run in runs], ".4f"),
        **(deltas | (gains.get(runs[0].row, {}) if runs else {})),
        "M param.": _figure([run.parameters / 1e6 for run in runs], ".2f", deviation=False),
        "GMACs": _figure([run.gmacs for run in runs], ".2f", deviation=False),
        "enc. ms": _figure([_ms(run, "encoding_time") for run in runs], ".0f", deviation=False),
        "dec. ms": _figure([_ms(run, "decoding_time") for run in runs], ".0f", deviation=False),
    }


def _figure(values: Sequence[float | None], spec: str, deviation: bool = True) -> str:
    found = spread(values)
    if found is None:
        return ""
    shown = f" ± {found.std:{spec}}" if deviation and found.std is not None else ""
    return f"{found.mean:{spec}}{shown}"


def _ms(run: Run, key: str) -> float | None:
    seconds = run.point.extra.get(key)
    return None if seconds is None else 1000 * seconds


def _gains(study: Study, method: Method) -> dict[str, dict[str, str]]:
    """Row -> heading -> dB gained over the reference at equal rate; of MS-SSIM only where it was trained for."""
    curves = study.curves()
    anchor = curves.get(study.spec["reference"])
    if anchor is None or len(anchor.points) < 2:
        return {}
    metrics: dict[str, Metric] = {"BD-PSNR": "psnr-rgb"}
    if study.distortion == "ms_ssim":
        metrics["BD-MS-SSIM"] = "ms-ssim-rgb"
    return {
        row: {heading: _gain(anchor, curve, metric, method) for heading, metric in metrics.items()}
        for row, curve in curves.items()
        if curve is not anchor and len(curve.points) > 1
    }


def _gain(anchor: Curve, test: Curve, metric: Metric, method: Method) -> str:
    result = bd_psnr(anchor, test, metric, method)
    return "not comparable" if result.db is None else signed(result.db, ".2f") + overlapping(result.overlap)


def _claims(line: _Line, spec: Mapping[str, Any]) -> dict[str, str]:
    """Heading -> the paper's figure, with the decimals that its column is printed with (YAML reads 33.10 as 33.1)."""
    claims = {}
    for key, heading in spec["claims"].items():
        printed = [str(row[key]) for row in spec["rows"] if row.get(key) is not None]
        places = max((len(text.partition(".")[2]) for text in printed), default=0)
        value = line.claim.get(key)
        claims[CLAIM + heading] = "" if value is None else f"{value:.{places}f}"
    return claims


def _notes(study: Study, seeds: set[str], gains: bool) -> tuple[str, ...]:
    runs = study.runs
    doubled = sorted({r.row for r in runs if sum(r[:3] == other[:3] for other in runs) > 1})
    several = f"Mean ± sample standard deviation of {min(seeds) if len(seeds) == 1 else 'several'} seeds."
    return (
        *([several] if seeds != {"1"} else []),
        *(f"{row}: two runs of one seed differ, so other settings do, too." for row in doubled),
        f"RD cost: {LOSSES[study.distortion]} of whole pictures, less is better. Training minimises it, so rows of one "
        "λ compare by it though their bpp differ.",
        *([f"BD: dB gained over {study.spec['reference']} at equal rate, over all λ of a row."] if gains else []),
        "GMACs: 1e9 multiply-accumulates of one forward pass at 768×512. ms: per picture, where it was evaluated.",
        *study.sources,
    )
