"""Columns of figures over runs that differ in their seed alone: mean ± deviation as text."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from common.results.seeds import spread

SEEDS = "seeds"


class Column(NamedTuple):
    """A heading, and the figure under it: `scale` times the runs' `key`, written as `spec` says."""

    heading: str
    key: str
    spec: str
    scale: float = 1.0
    deviation: bool = True


# What a network takes, whatever it is for.
COSTS = (Column("M param.", "parameters", ".2f", 1e-6, False), Column("GMACs", "gmacs", ".2f", deviation=False))


def milliseconds(heading: str, key: str, spec: str = ".0f") -> Column:
    return Column(heading, key, spec, 1000.0, deviation=False)


def cells(runs: Sequence[Mapping[str, float | None]], columns: Sequence[Column]) -> dict[str, str]:
    """Heading -> mean ± sample standard deviation over `runs`, empty where one lacks the figure; their number first."""
    return {SEEDS: str(len(runs)) if runs else "", **{column.heading: _cell(runs, column) for column in columns}}


def _cell(runs: Sequence[Mapping[str, float | None]], column: Column) -> str:
    values = [run.get(column.key) for run in runs]
    found = spread([None if value is None else column.scale * value for value in values])
    if found is None:
        return ""
    shown = f" ± {found.std:{column.spec}}" if column.deviation and found.std is not None else ""
    return f"{found.mean:{column.spec}}{shown}"


def shown(headings: Sequence[str], rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Those of `headings` that some row fills; the number of seeds only where it differs, else `seeds_note` says it."""
    filled = [heading for heading in headings if any(row[heading] for row in rows)]
    return [heading for heading in filled if heading != SEEDS or len(_seeds(rows)) > 1]


def seeds_note(rows: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
    """What to read below a table that shows means."""
    seeds = _seeds(rows)
    several = min(seeds) if len(seeds) == 1 else "several"
    return () if seeds == {"1"} else (f"Mean ± sample standard deviation of {several} seeds.",)


def _seeds(rows: Sequence[Mapping[str, str]]) -> set[str]:
    return {row[SEEDS] for row in rows if row[SEEDS]}
