"""Studies whose table is a matrix of BD-rates: every curve against every anchor."""

from collections.abc import Mapping, Sequence

from common.report.ablation.study_runs import Study
from common.report.tables import Table, footnotes, percent, signed
from common.results.bd import DEFAULT, BDRate, Method, bd_rate
from common.results.curves import Curve


def matrix_table(study: Study, method: Method = DEFAULT) -> Table:
    """BD-rate of every curve (columns) against every anchor: a line of ours, below it the paper's claims."""
    names = list(study.spec["curves"])
    ours = _curves(study)
    claims: Mapping[str, Sequence[float]] = study.spec["bd_rate"]
    rows: list[list[str]] = []
    breaks = set()
    found: list[BDRate | None] = []
    for name in [*claims, *(name for name in ours if name not in claims)]:
        breaks.add(len(rows))
        if anchor := ours.get(name):
            rates = [_rate(anchor, ours.get(other), method) for other in names]
            found += rates
            rows.append([name, "ours", *("" if other not in ours else percent(r) for other, r in zip(names, rates))])
        if name in claims:
            rows.append(["" if anchor else name, "paper", *(signed(claim, ".2f", " %") for claim in claims[name])])
    notes = (
        f"Bits at equal PSNR compared with the row's curve ({method}); negative: fewer bits. In brackets: part of the "
        "quality range that both curves cover, where it is small.",
        *footnotes(found),
        *study.sources,
    )
    return Table(study.title, ["against", "figures", *names], rows, 2, frozenset(breaks - {0}), notes)


def _curves(study: Study) -> dict[str, Curve]:
    """The paper's name of a curve -> ours, for those that were run or measured."""
    rows = study.curves()
    baselines = {curve.name: curve for curve in study.baselines}
    found = {
        name: rows.get(what.get("row", "")) or baselines.get(what.get("baseline", ""))
        for name, what in study.spec["curves"].items()
    }
    return {name: curve for name, curve in found.items() if curve is not None}


def _rate(anchor: Curve, test: Curve | None, method: Method) -> BDRate | None:
    return None if test is None or test is anchor else bd_rate(anchor, test, method=method)
