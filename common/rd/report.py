"""The report of a sweep: curves, BD-rates, failures and reconstructions, as files that open anywhere."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.markup import escape

from common.data.pictures import read_picture
from common.errors import LicError
from common.rd.bd import Method
from common.rd.blocks import block_figures
from common.rd.curves import METRICS, Collection, Curve, Failure, Group, Point, collect, group, load
from common.rd.gallery import Reconstruction, Row, gallery
from common.rd.page import page
from common.rd.plot import rd_figure
from common.rd.points import write_json, write_text
from common.rd.seeds import mean_over_seeds
from common.rd.study import study_tables
from common.rd.tables import Table, bd_table, failures_table, points_csv, points_table, to_markdown
from common.rd.terminal import to_rich

BLOCKS = "What the blocks do"
MAX_PHOTOGRAPHS = 4
MAX_RECONSTRUCTIONS = 4


class Section(NamedTuple):
    """What the report says of one protocol and set of pictures; `group` holds means over seeds."""

    group: Group
    heading: str
    studies: list[Table]
    points: Table
    bd: list[Table]
    figures: list[Path]
    blocks: list[Path]  # what the codecs' blocks do to a photograph

    @property
    def tables(self) -> list[Table]:
        """All tables, in the order in which they are shown."""
        return [*self.studies, *self.bd, self.points]


@dataclass(frozen=True)
class Report:
    """A written report; `folder` holds report.json, report.md, report.html, points.csv and the figures."""

    title: str
    folder: Path
    sections: list[Section]
    failures: list[Failure]
    files: list[Path] = field(default_factory=list)


def write_report(
    folders: Sequence[Path],
    out: Path,
    published: Sequence[Path] = (),
    baselines: Sequence[Path] = (),
    title: str = "Rate-distortion report",
    method: Method = "akima",
) -> Report:
    """Collect the runs below `folders` and write the report's files to `out`.

    Args:
        folders: searched for `result.json`, `failed.json` and `*.baseline.json`.
        out: made where missing; files of an earlier report are replaced, each atomically.
        published: files in CompressAI's layout, taken to be measured on the same pictures as the runs.
        baselines: more files or folders with `*.baseline.json`.
        method: interpolation of the BD-rates.

    Raises:
        LicError: nothing was found, or a given file cannot be read.
    """
    collection = _gather(folders, baselines)
    groups = group(collection.curves, [load(path) for path in published])
    if not groups and not collection.failures:
        places = ", ".join(str(folder) for folder in folders)
        raise LicError(f"No result.json and no *.baseline.json below {places}; is this the folder of a sweep?")
    out.mkdir(parents=True, exist_ok=True)
    sections = [_section(g, method, out, "" if i == 0 else f"-{i + 1}") for i, g in enumerate(groups)]
    report = Report(title, out, sections, collection.failures)
    write_json(out / "report.json", _as_json(report))
    write_text(out / "points.csv", points_csv(groups))
    write_text(out / "report.md", _as_markdown(report))
    write_text(out / "report.html", page(title, _html_sections(sections), _failures(report)))
    report.files.extend(out / name for name in ("report.html", "report.md", "report.json", "points.csv"))
    report.files.extend(figure for section in sections for figure in (*section.figures, *section.blocks))
    return report


def print_report(report: Report, console: Console) -> None:
    """The short version for a terminal: studies, the runs' points (without runs, all), BD-rates, failures, path.

    A table wider than the terminal is shown in parts.
    """
    for section in report.sections:
        console.rule(escape(section.heading))
        points = points_table(section.group.of_kind("run") or section.group.curves)
        for tables in (*([study] for study in section.studies), [points, *section.bd]):
            for table in tables:
                console.print(*to_rich(table, console.width), sep="\n")
            for note in dict.fromkeys(note for table in tables for note in table.notes):
                console.print(note, style="dim", highlight=False, markup=False)
    if report.failures:
        console.print(*to_rich(failures_table(report.failures), console.width), sep="\n")
    console.print(f"Report: {report.folder / 'report.html'}", soft_wrap=True, highlight=False, markup=False)


def _gather(folders: Sequence[Path], baselines: Sequence[Path]) -> Collection:
    found = collect(folders)
    known = {curve.source.resolve() for curve in found.curves if curve.source}
    more = [load(path) for path in baselines if path.is_file()]
    searched = collect([path for path in baselines if not path.is_file()])
    more += [curve for curve in searched.curves if curve.kind == "baseline"]
    measured_on = {run.dataset for run in found.curves if run.kind == "run"}
    fresh = [
        curve
        for curve in more
        if curve.source and curve.source.resolve() not in known and (not measured_on or curve.dataset in measured_on)
    ]
    return Collection([*found.curves, *fresh], found.failures)


def _section(measured: Group, method: Method, out: Path, suffix: str) -> Section:
    g = measured._replace(curves=tuple(mean_over_seeds(curve) for curve in measured.curves))
    heading = " · ".join(part for part in (g.protocol, g.dataset) if part) or "published curves"
    figures = [
        rd_figure(g.curves, "psnr-rgb", out / f"rd_psnr{suffix}.png", heading),
        rd_figure(g.curves, "ms-ssim-rgb", out / f"rd_ms_ssim{suffix}.png", heading),
    ]
    if rows := gallery_rows(g.of_kind("run")):
        figures.append(gallery(rows, out / f"gallery{suffix}.png"))
    tables = [bd_table(g, metric, method) for metric in METRICS]
    shown = [table for table in tables if table is not None]
    studies = study_tables(measured, method)
    blocks = block_figures(g.of_kind("run"), out, suffix)
    drawn = [figure for figure in figures if figure]
    return Section(g, heading, studies, points_table(g.curves), shown, drawn, blocks)


def gallery_rows(runs: Sequence[Curve]) -> list[Row]:
    """Photographs that the runs have reconstructed, as rows of the gallery.

    A run folder holds `pictures/<stem>.png`; `images[i]["source"]` of its result.json is the original's path.
    Pictures without an original (moved since) or of another size are skipped.
    """
    originals: dict[str, tuple[str, np.ndarray]] = {}
    shown: dict[str, list[Reconstruction]] = {}
    for curve, point in _chosen(runs):
        for image in _images(point):
            source, name = str(image.get("source", "")), Path(str(image.get("file", ""))).stem
            if (
                source not in originals
                and len(originals) < MAX_PHOTOGRAPHS
                and (rgb := _read(Path(source))) is not None
            ):
                originals[source] = (name, rgb)
            if source not in originals or point.source is None:
                continue
            decoded = _read(point.source.parent / "pictures" / f"{name}.png")
            if decoded is not None and decoded.shape == originals[source][1].shape:
                label = f"{curve.name} · " if len(runs) > 1 else ""
                shown.setdefault(source, []).append(Reconstruction(label + _caption(point, image), decoded))
    return [Row(originals[source][0], originals[source][1], cells) for source, cells in shown.items()]


def _chosen(runs: Sequence[Curve]) -> list[tuple[Curve, Point]]:
    """Points to show: of one curve some from lowest to highest rate, of several the middle one of each."""
    if len(runs) > 1:
        return [(curve, curve.points[len(curve.points) // 2]) for curve in runs[:MAX_RECONSTRUCTIONS]]
    pairs = [(curve, point) for curve in runs for point in curve.points]
    picked = np.linspace(0, len(pairs) - 1, min(len(pairs), MAX_RECONSTRUCTIONS)).round().astype(int)
    return [pairs[i] for i in picked]


def _images(point: Point) -> list[dict[str, Any]]:
    if point.source is None:
        return []
    images = json.loads(point.source.read_text(encoding="utf-8")).get("images")
    return [image for image in images if isinstance(image, dict)] if isinstance(images, list) else []


def _read(path: Path) -> np.ndarray | None:
    if not path.is_file():
        return None
    try:
        return read_picture(path).rgb
    except LicError:
        return None


def _caption(point: Point, image: dict[str, Any]) -> str:
    parts = [f"λ {point.extra['lmbda']:g}"] if isinstance(point.extra.get("lmbda"), (int, float)) else []
    parts += [f"{image['bpp']:.3f} bpp"] if isinstance(image.get("bpp"), (int, float)) else []
    parts += [f"{image['psnr']:.1f} dB"] if isinstance(image.get("psnr"), (int, float)) else []
    return " · ".join(parts)


def _failures(report: Report) -> list[Table]:
    return [failures_table(report.failures)] if report.failures else []


def _html_sections(sections: Sequence[Section]) -> list[tuple[str, list[Path], list[Table]]]:
    shown = [(section.heading, section.figures, section.tables) for section in sections]
    return shown + [(f"{BLOCKS} · {section.heading}", section.blocks, []) for section in sections if section.blocks]


def _as_markdown(report: Report) -> str:
    parts = [f"# {report.title}\n"]
    for section in report.sections:
        parts.append(f"## {section.heading}\n")
        parts += [f"![{figure.stem}]({figure.name})\n" for figure in section.figures]
        parts += [to_markdown(table) for table in section.tables]
        if section.blocks:
            parts.append(f"## {BLOCKS} · {section.heading}\n")
            parts += [f"![{figure.stem}]({figure.name})\n" for figure in section.blocks]
    parts += [to_markdown(table) for table in _failures(report)]
    return "\n".join(parts)


def _table_json(table: Table) -> dict[str, Any]:
    return {"title": table.title, "columns": table.columns, "rows": table.rows, "notes": list(table.notes)}


def _as_json(report: Report) -> dict[str, Any]:
    return {
        "title": report.title,
        "groups": [
            {
                "protocol": section.group.protocol,
                "dataset": section.group.dataset,
                "curves": [curve.to_json() for curve in section.group.curves],
                "studies": [_table_json(table) for table in section.studies],
                "bd": [_table_json(table) for table in section.bd],
            }
            for section in report.sections
        ],
        "failures": [{"folder": str(failure.folder), "reason": failure.reason} for failure in report.failures],
    }
