"""Tables of runs without a rate: one line for each label, means over seeds."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from common.report.mean_std import COSTS, Column, cells, milliseconds, seeds_note, shown
from common.report.tables import Table
from common.results.flow_results import Score, ScoreGroup
from common.results.point_names import distinct
from common.results.seeds import averaged

# FIGURE -> how tables call and write it; the other figures are in the files beside.
FIGURES = {"epe": ("EPE", ".3f"), "fl_all": ("Fl-all %", ".2f")}
PER_PAIR = milliseconds("ms per pair", "pair_time", ".1f")
LEGEND = (
    "EPE: mean endpoint error in px over all known pixels of a set. Fl-all: % of them that are off by more than 3 px "
    "and by more than 5 % of the true speed. GMACs: 1e9 multiply-accumulates for a pair at 1024×448. ms: where it was "
    "evaluated."
)


def lines(group: ScoreGroup) -> list[list[Score]]:
    """The runs of every line, by seed: lines by the first set's EPE (or what it has in its place), best first.

    Runs of one label that differ in more than their seed have a line each.
    """
    named: dict[str, list[Score]] = {}
    for score in sorted(group.scores, key=lambda score: score.seed or 0):
        named.setdefault(score.name, []).append(score)
    found = [line for runs in named.values() for line in averaged(runs, lambda s: (s.seed, *s.results.items()))]
    first = table_keys([score.results for score in group.scores])[:1]
    return sorted(found, key=lambda line: _rank([score.results.get(key) for score in line for key in first]))


def _rank(values: Sequence[float | None]) -> tuple[bool, float]:
    known = [value for value in values if value is not None]
    return (False, mean(known)) if known and len(known) == len(values) else (True, 0.0)


def result_keys(runs: Sequence[Mapping[str, float | None]]) -> list[str]:
    """Every SET/FIGURE that one of the runs has, in the order in which they are met."""
    return list(dict.fromkeys(key for results in runs for key in results))


def table_keys(results: Sequence[Any]) -> list[str]:
    """Those of the runs' SET/FIGUREs that a table has room for; all where it knows none of them."""
    keys = result_keys(results)
    return [key for key in keys if figure_of(key) in FIGURES] or keys


def figure_of(key: str) -> str:
    """`"sintel_clean/epe"` -> `"epe"`."""
    return key.rpartition("/")[2]


def column_of(key: str) -> Column:
    """`"sintel_clean/epe"` -> the column "sintel_clean EPE"."""
    heading, spec = FIGURES.get(figure_of(key), (figure_of(key), ".3f"))
    return Column(f"{key.rpartition('/')[0]} {heading}", key, spec)


def scores_table(group: ScoreGroup) -> Table:
    """A line for each label: the figures of every test set, parameters, GMACs, time."""
    found = lines(group)
    keys = table_keys([score.results for score in group.scores])
    columns = (*(column_of(key) for key in keys), *COSTS, PER_PAIR)
    rows = [cells([{**score.results, **score.costs} for score in line], columns) for line in found]
    headings = shown(list(rows[0]), rows)
    names, shared = distinct([line[0].name for line in found])
    body = [[name, *(row[heading] for heading in headings)] for name, row in zip(names, rows)]
    title = f"Figures of every test set{f' ({shared})' if shared else ''}"
    return Table(title, ["run", *headings], body, notes=(*seeds_note(rows), LEGEND))
