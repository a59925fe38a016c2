"""What a report says of named published curves that join none of its tables."""

from collections.abc import Mapping, Sequence

from common.report.tables import Table
from common.results.curves import Group
from common.results.flow_results import ScoreGroup
from common.results.origin import Origin


def unmatched_table(left: Mapping[str, Sequence[Origin]], groups: Sequence[Group | ScoreGroup]) -> Table | None:
    """A sentence for each name of `left`, and below what the report has in `groups`; None where all curves joined."""
    if not left:
        return None
    rows = [[name, f"joins no table: it was measured on {_measured_on(origins)}"] for name, origins in left.items()]
    there = [f"{each.dataset} by {each.protocol}" for each in groups]
    note = (
        f"This report has {'; '.join(there) or 'nothing measured'}. A set is told by the bytes of its files, and where "
        "lic does not know these by its name (data.name, data.test). A file given by its path joins every table."
    )
    return Table("Published curves that join no table", ["curve", "why"], rows, labels=2, notes=(note,))


def sentences(table: Table | None) -> list[str]:
    """The rows and notes of `unmatched_table` as sentences."""
    return [*(f"{name} {why}." for name, why in table.rows), *table.notes] if table else []


def _measured_on(origins: Sequence[Origin]) -> str:
    """`kodak (24 pictures 11944a17) by image; uvg, vtl by dvc_gop with gop=12`."""
    sets: dict[str, list[str]] = {}
    for origin in origins:
        sets.setdefault(origin.measured_by, []).append(origin.measured_on)
    return "; ".join(f"{', '.join(names)} by {how}" for how, names in sets.items())
