"""The BD-rates of a report: every curve against one anchor, in terminal, Markdown, LaTeX and page alike.

`bd_table` has one figure a metric; `certainty_table.py` what each of them rests on.

The anchor is the curve that the reader names; else the first classical codec, else the first published curve, else the
first run, of those that have two points.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from common.errors import LicError
from common.report.tables import Table, footnotes, percent
from common.results.bd import DEFAULT, MIN_OVERLAP, Method
from common.results.bd_certainty import Certainty, certainties
from common.results.bootstrap import LEVEL
from common.results.curves import METRICS, Curve, Group, Kind, Metric
from common.results.groups import shortly_named
from common.results.measures import Measure

ORDER: tuple[Kind, ...] = ("baseline", "published", "run")


class Comparison(NamedTuple):
    """Curves against `anchor`, best first.

    Attributes:
        rows: a curve, and its BD-rate by metric, with what it rests on; a metric is missing where either of the two has
            no two points with it.
        lone: names of curves of one point, which cannot be compared.
        measures: what was compared.
    """

    anchor: Curve
    method: Method
    rows: list[tuple[Curve, Mapping[Metric, Certainty]]]
    lone: list[str]
    measures: list[Measure]


def able(curve: Curve, metric: Metric) -> bool:
    """Whether a curve has the two points that a comparison needs."""
    return sum(point.quality(metric) is not None for point in curve.points) > 1


def default_anchor(curves: Sequence[Curve]) -> Curve | None:
    """The curve that the others are compared with where nobody says another; None where no curve has two points."""
    for kind in ORDER:
        for curve in curves:
            if curve.kind == kind and any(able(curve, metric) for metric in METRICS):
                return curve
    return None


def anchor_places(groups: Sequence[Group], name: str) -> list[int | None]:
    """The place of the curve called `name` in every group, None where it has none of this name.

    Raises:
        LicError: no group has it, or it is one point.
    """
    short = [[curve.name for curve in shortly_named(g)[0].curves] for g in groups]
    places = [_place(name, [curve.name for curve in g.curves], names) for g, names in zip(groups, short)]
    if all(place is None for place in places):
        names = ", ".join(dict.fromkeys(each for found in short for each in found)) or "none has a rate"
        raise LicError(f"--anchor {name}: there is no such curve; choose one of these: {names}.")
    for g, place in zip(groups, places):
        if place is not None and not any(able(g.curves[place], metric) for metric in METRICS):
            raise LicError(f"--anchor {name}: one point is no curve; BD-rates need an anchor of two points or more.")
    return places


def _place(name: str, *spellings: Sequence[str]) -> int | None:
    for names in spellings:
        for place, each in enumerate(names):
            if each.casefold() == name.casefold():
                return place
    return None


def compared(group: Group, method: Method = DEFAULT, anchor: Curve | None = None) -> Comparison | None:
    """Every curve of `group` against `anchor`; None where there is nothing to compare."""
    anchor = anchor or default_anchor(group.curves)
    if anchor is None:
        return None
    rates: dict[int, dict[Metric, Certainty]] = {}
    for metric in (each.key for each in group.measures if able(anchor, each.key)):
        places = [i for i, curve in enumerate(group.curves) if curve is not anchor and able(curve, metric)]
        found = certainties(anchor, [group.curves[i] for i in places], metric, method)
        for place, each in zip(places, found):
            rates.setdefault(place, {})[metric] = each
    if not rates:
        return None
    rows = [(group.curves[place], rates[place]) for place in sorted(rates)]
    lone = [curve.name for curve in group.curves if len(curve.points) == 1]
    measures = [each for each in group.measures if any(each.key in rates for _, rates in rows)]
    return Comparison(anchor, method, sorted(rows, key=_rank), lone, measures)


def _rank(row: tuple[Curve, Mapping[Metric, Certainty]]) -> tuple[bool, float]:
    known = [found.rate.percent for found in row[1].values() if found.rate.percent is not None]
    return (False, known[0]) if known else (True, 0.0)


def bd_table(found: Comparison) -> Table:
    """A line a curve, a column a metric; below it what to know before quoting a figure."""
    rows = [[curve.name, *(_cell(rates.get(each.key)) for each in found.measures)] for curve, rates in found.rows]
    results = [each for _, rates in found.rows for each in rates.values()]
    notes = legend(found)
    if any(each.interval for each in results):
        notes.append(f"In square brackets: the {LEVEL} % interval over the pictures of the test set, in percent.")
    if any(each.rate.percent is not None and each.rate.overlap < MIN_OVERLAP for each in results):
        notes.append(BRACKETS)
    if found.lone:
        notes.append(f"One point is no curve: {', '.join(found.lone)}.")
    columns = ["curve", *(each.title for each in found.measures)]
    title = f"BD-rate against {found.anchor.name}"
    return Table(title, columns, rows, notes=(*notes, *footnotes(each.rate for each in results)))


BRACKETS = (
    f"In brackets: part of the quality range that both curves cover, where below {100 * MIN_OVERLAP:.0f} %; such a "
    "figure speaks for that part only."
)


def legend(found: Comparison) -> list[str]:
    """What the figures are, and how the anchor was made."""
    what = (
        f"Bits at equal quality compared with {found.anchor.name}; negative: fewer bits. Of curves of means over the "
        f"test set, interpolated with {found.method}."
    )
    made = settings_of(found.anchor)
    return [what, made] if made else [what]


def settings_of(curve: Curve) -> str:
    """With which settings a classical codec was measured, as JPEG is not always the same JPEG; empty of others."""
    said = curve.description.rstrip(".") if curve.kind == "baseline" else ""
    return f"{curve.name}: {said}." if said else ""


def _cell(found: Certainty | None) -> str:
    return "" if found is None else percent(found.rate, found.interval)
