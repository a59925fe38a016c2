"""What was drawn of the pairs of test sets: sheets that an evaluation leaves in a run folder as `flow/SET_PAIR.png`."""

from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path

from common.rd.blocks import stacked
from common.rd.score_tables import lines
from common.rd.scores import ScoreGroup

FOLDER = "flow"
MAX_PAIRS = 4  # of each test set and run
MAX_SHEETS = 16  # of each test set, so that a page of many runs still opens


def sheets(folder: Path, dataset: str | None) -> dict[str, list[Path]]:
    """Test set -> the sheets of its pairs in a run folder; sets in the order of `dataset`, their identities."""
    names = [identity.partition(" ")[0] for identity in (dataset or "").split(", ")]
    found: dict[str, list[Path]] = {name: [] for name in names}
    for file in sorted((folder / FOLDER).glob("*.png")):
        of = [name for name in names if file.name.startswith(f"{name}_")]  # also "sintel_clean" of sintel_clean_test's
        found.setdefault(max(of, key=len, default=""), []).append(file)
    return {name: files for name, files in found.items() if files}


def mixed(by_set: Mapping[str, Sequence[Path]]) -> list[Path]:
    """All sheets: the first of every set, then the second of every set, …."""
    return [file for file in chain.from_iterable(zip_longest(*by_set.values())) if file is not None]


def sheet_figures(group: ScoreGroup, out: Path, suffix: str = "") -> list[Path]:
    """Write `out`/pairs-1-SET.png, …: for every line of the group's table, by number, the first pairs of every set.

    Of several seeds the first is shown.
    """
    table = lines(group)
    count = max(1, min(MAX_PAIRS, MAX_SHEETS // len(table)))
    return [
        stacked(f"{runs[0].name} · {name}", files[:count], out / f"pairs{suffix}-{number}-{name}.png")
        for number, runs in enumerate(table, 1)
        for name, files in sheets(runs[0].source.parent, group.dataset).items()
    ]
