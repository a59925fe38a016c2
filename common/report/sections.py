"""The sections of a report: what was measured with one protocol on the same pictures, clips or pairs.

Both kinds have a heading, `figures`, `tables` for the files, `printed` tables for the terminal, and `closer`: a heading
and pictures of details.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from common.report.ablation.studies import study_tables
from common.report.bd_table import Comparison, bd_table, compared
from common.report.certainty_table import certainty_table
from common.report.figures.gallery import gallery, gallery_rows
from common.report.figures.plot import rd_figure
from common.report.figures.sheets import block_figures, frame_figures, sheet_figures
from common.report.flow_tables import scores_table
from common.report.sequences import sequence_tables
from common.report.tables import POINTS, POINTS_OF_CLIPS, Table, points_table
from common.report.words import heading_of, overrides_in_words
from common.results.bd import Method
from common.results.curves import Group
from common.results.flow_results import ScoreGroup
from common.results.groups import shortly_named
from common.results.seeds import mean_over_seeds


class Section(NamedTuple):
    """What the report says of one protocol and set of pictures or clips.

    `group` holds means over seeds; `shown` the same, its runs named without `shared`, the overrides that all have.
    """

    group: Group
    shown: Group
    shared: str
    heading: str
    studies: list[Table]
    points: Table
    bd: list[Table]
    figures: list[Path]
    blocks: list[Path]  # what the codecs' blocks do to a photograph
    sequences: Sequence[Table] = ()  # clip by clip
    frames: Sequence[Path] = ()  # what the parts of video codecs make of a frame
    comparison: Comparison | None = None  # what `bd` shows

    @property
    def tables(self) -> list[Table]:
        """All tables, in the order in which they are shown."""
        return [*self.studies, *self.bd, self.points, *self.sequences]

    @property
    def named_tables(self) -> dict[str, Table]:
        """The tables under the names that files of them have."""
        numbered = {f"sequences-{i}": table for i, table in enumerate(self.sequences, 1)}
        return {"results": self.points, **dict(zip(["bd_rate", "bd_certainty"], self.bd)), **_studies(self), **numbered}

    @property
    def printed(self) -> list[Table]:
        """What a terminal shows after the studies: of the points those of the runs, where there are any."""
        points = points_table(self.shown.of_kind("run") or self.shown.curves, self.points.title)
        return [points._replace(notes=self.points.notes), *self.bd]

    @property
    def closer(self) -> tuple[str, list[Path]]:
        """Heading and pictures of a closer look."""
        if self.frames:
            return f"How frames are coded, part by part · {self.heading}", [*self.frames]
        return f"What attention and refinement do · {self.heading}", self.blocks


class ScoreSection(NamedTuple):
    """What the report says of runs without a rate: one protocol, the same test sets."""

    group: ScoreGroup
    heading: str
    studies: list[Table]
    scores: Table
    sheets: list[Path]

    @property
    def figures(self) -> list[Path]:
        return []

    @property
    def tables(self) -> list[Table]:
        """All tables, in the order in which they are shown."""
        return [*self.studies, self.scores]

    @property
    def named_tables(self) -> dict[str, Table]:
        """The tables under the names that files of them have."""
        return {"scores": self.scores, **_studies(self, "scores_study")}

    @property
    def printed(self) -> list[Table]:
        """What a terminal shows after the studies."""
        return [self.scores]

    @property
    def closer(self) -> tuple[str, list[Path]]:
        """Heading and pictures of a closer look."""
        return f"Pairs of pictures and their flow · {self.heading}", self.sheets


def rate_section(
    measured: Group, method: Method, out: Path, suffix: str, anchor: int | None = None, vector: bool = False
) -> Section:
    """The section on `measured`, its figures written to `out`, also as PDF and SVG where `vector` says so.

    `anchor` is the place of the curve that BD-rates are against.
    """
    whole = measured._replace(curves=tuple(mean_over_seeds(curve) for curve in measured.curves))
    g, shared = shortly_named(whole)
    heading = heading_of(g.protocol, g.dataset)
    figures = [
        rd_figure(g.curves, measure, out / f"rd_{_file_name(measure.key)}{suffix}.png", heading, vector)
        for measure in g.measures
    ]
    if rows := gallery_rows(g.of_kind("run")):
        figures.append(gallery(rows, out / f"gallery{suffix}.png"))
    found = compared(g, method, None if anchor is None else g.curves[anchor])
    studies = study_tables(measured, method)
    runs = g.of_kind("run")
    drawn = [figure for figure in figures if figure]
    clips = sequence_tables(g, method, found.anchor if found else None)
    title = POINTS_OF_CLIPS if clips else POINTS
    points = points_table(g.curves, f"{title} (all runs: {overrides_in_words(shared)})" if shared else title)
    closer = block_figures(runs, out, suffix), clips, frame_figures(runs, out, suffix)
    bd = [bd_table(found), certainty_table(found)] if found else []
    return Section(whole, g, shared, heading, studies, points, bd, drawn, *closer, found)


def _file_name(metric: str) -> str:
    """`ms-ssim-rgb` -> `ms_ssim`."""
    return metric.removesuffix("-rgb").replace("-", "_")


def score_section(g: ScoreGroup, out: Path, suffix: str) -> ScoreSection:
    """The section on `g`, its pictures written to `out`."""
    return ScoreSection(
        g, heading_of(g.protocol, g.dataset), study_tables(g), scores_table(g), sheet_figures(g, out, suffix)
    )


def _studies(section: Section | ScoreSection, name: str = "study") -> dict[str, Table]:
    return {f"{name}-{i}": table for i, table in enumerate(section.studies, 1)}
