"""The report of a sweep: curves or scores, studies, failures and pictures, as files that open anywhere."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.text import Text

from common.errors import LicError
from common.io import make_folder, write_json, write_text
from common.published.curves import chosen
from common.report.bd_table import anchor_places
from common.report.figures.plot import VECTOR
from common.report.html.page import page
from common.report.html.training_part import runs_of, settings_table
from common.report.labels import renamed
from common.report.latex import to_latex
from common.report.published import sentences, unmatched_table
from common.report.sections import ScoreSection, Section, rate_section, score_section
from common.report.tables import Table
from common.report.terminal import to_rich
from common.report.text_files import points_csv, report_json, report_md, scores_csv
from common.report.words import told_apart
from common.results.bd import DEFAULT, Method
from common.results.collect import Failure, gathered, joined
from common.results.curves import Group
from common.results.groups import group, group_scores, unmatched
from common.results.point_names import among_siblings


@dataclass(frozen=True)
class Report:
    """A written report; `folder` holds report.json, report.md, report.html, the figures, points.csv of
    rate-distortion points and scores.csv of runs without a rate."""

    title: str
    folder: Path
    sections: Sequence[Section | ScoreSection]
    failed: Table | None  # points without a result, and why
    unmatched: Table | None = None  # published curves that join no table, and why
    files: list[Path] = field(default_factory=list)

    def suffixed(self) -> Iterator[tuple[Section | ScoreSection, str]]:
        """Every section with what the names of its files end in."""
        for kind in (Section, ScoreSection):
            own = [section for section in self.sections if isinstance(section, kind)]
            yield from ((section, _suffix(i)) for i, section in enumerate(own))


def write_report(
    folders: Sequence[Path],
    out: Path,
    published: Sequence[str | Path] = (),
    baselines: Sequence[Path] = (),
    title: str = "Report",
    method: Method = DEFAULT,
    anchor: str | None = None,
    labels: Sequence[str] = (),
    latex: bool = False,
) -> Report:
    """Collect the runs below `folders` and write the report's files to `out`.

    Args:
        folders: searched for `result.json`, `failed.json` and `*.baseline.json`.
        out: made where missing; files of an earlier report are replaced, each atomically.
        published: names of packaged curves, which join the results on their test set, and files in CompressAI's layout,
            taken to be measured on the same pictures as the runs.
        baselines: more files or folders with `*.baseline.json`.
        method: interpolation of the BD-rates.
        anchor: name of the curve that they are against; see `common.report.bd_table`.
        labels: RUN=TEXT, what curves are called; see `common.report.labels`.
        latex: whether the tables are written as .tex files, too, and the curves as PDF and SVG.

    Raises:
        LicError: nothing was found, a given file cannot be read, or there is no such published curve, anchor or RUN.
    """
    more = chosen(published)
    collection = gathered(folders, baselines)
    if labels:
        collection, more = renamed(collection, more, labels)
    collection = joined(collection)
    groups = group(collection.curves, more)
    scores = group_scores(collection.scores)
    if not (groups or scores or collection.failures):
        places = ", ".join(str(folder) for folder in folders)
        raise LicError(f"No result.json and no *.baseline.json below {places}; is this the folder of a sweep?")
    left = unmatched_table(unmatched(groups, more), [*groups, *scores])
    anchors = [None] * len(groups) if anchor is None else _places(groups, anchor, left)
    make_folder(out)
    sections: list[Section | ScoreSection] = [
        *(rate_section(g, method, out, _suffix(i), at, latex) for i, (g, at) in enumerate(zip(groups, anchors))),
        *(score_section(g, out, _suffix(i)) for i, g in enumerate(scores)),
    ]
    headings = told_apart([section.heading for section in sections])
    sections = [section._replace(heading=heading) for section, heading in zip(sections, headings)]
    failed = failures_table(collection.failures)
    report = Report(title, out, sections, failed, left)
    runs = runs_of(collection)
    settings = settings_table(runs)
    closing = [table for table in (settings, failed, left) if table]
    texts = {
        "report.html": page(title, sections, runs, settings, failed, method, left),
        "report.md": report_md(title, sections, closing),
    }
    if groups or not scores:
        texts["points.csv"] = points_csv(groups)
    if scores:
        texts["scores.csv"] = scores_csv(scores)
    if latex:
        texts |= _as_latex(report)
    for name, text in texts.items():
        write_text(out / name, text)
    write_json(out / "report.json", report_json(title, sections, collection.failures, sentences(left)))
    report.files.extend(out / name for name in (*texts, "report.json"))
    pictures = [picture for section in sections for picture in (*section.figures, *section.closer[1])]
    drawn = [file for picture in pictures for kind in VECTOR if (file := picture.with_suffix(kind)).exists()]
    report.files.extend([*pictures, *(drawn if latex else [])])
    return report


def failures_table(failures: Sequence[Failure]) -> Table | None:
    """Points without a result, and why; None where there are none."""
    if not failures:
        return None
    names = among_siblings([failure.folder for failure in failures])
    return Table("Failed", ["point", "reason"], [[name, f.reason] for name, f in zip(names, failures)], labels=2)


def _suffix(i: int) -> str:
    """Of the names of a section's files."""
    return f"-{i + 1}" if i else ""


def _places(groups: Sequence[Group], anchor: str, left: Table | None) -> list[int | None]:
    """`anchor_places`, also by the names that published curves have on the command line."""
    shown = {curve.origin.key: curve.name for g in groups for curve in g.curves if curve.origin}
    try:
        return anchor_places(groups, shown.get(anchor, anchor))
    except LicError as error:
        raise LicError(" ".join([str(error), *sentences(left)])) from error


def print_report(report: Report, console: Console) -> None:
    """The short version for a terminal: studies, the runs' points or scores, BD-rates, failures, curves left out, path.

    A table wider than the terminal is shown in parts.
    """
    for section in report.sections:
        console.rule(Text(section.heading))
        for tables in (*([study] for study in section.studies), section.printed):
            for table in tables:
                console.print(*to_rich(table, console.width), sep="\n")
            for note in dict.fromkeys(note for table in tables for note in table.notes):
                console.print(Text(note, style="dim"))
    if report.failed:
        console.print(*to_rich(report.failed, console.width), sep="\n")
    for sentence in sentences(report.unmatched):
        console.print(Text(sentence))
    console.print(Text(f"Report: {report.folder / 'report.html'}"), soft_wrap=True)


def _as_latex(report: Report) -> dict[str, str]:
    """File name -> the table that it holds: results.tex, bd_rate.tex, study-1.tex, …, by section."""
    files = {}
    for section, suffix in report.suffixed():
        for name, table in section.named_tables.items():
            files[f"{name}{suffix}.tex"] = to_latex(table, f"{name}{suffix}")
    return files
