"""Sheets that evaluations leave in run folders: of pairs `flow/SET_PAIR.png`, of clips `frames/SEQUENCE_FRAME.png`."""

from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path

from common.report.figures.blocks import stacked, with_lmbda
from common.report.flow_tables import lines
from common.report.sequences import clip_names
from common.results.curves import Curve
from common.results.flow_results import ScoreGroup

MAX_PAIRS = 4  # of each test set and run; clips likewise
MAX_SHEETS = 16  # of each test set, so that a page of many runs still opens


def pair_sheets(folder: Path, dataset: str | None) -> dict[str, list[Path]]:
    """Test set -> the sheets of its pairs in a run folder; sets in the order of `dataset`, their identities."""
    return sheets(folder / "flow", [identity.partition(" ")[0] for identity in (dataset or "").split(", ")])


def frame_sheets(folder: Path, names: Sequence[str]) -> dict[str, list[Path]]:
    """Clip -> the sheets of its frames in a run folder; clips in the order of `names`."""
    return sheets(folder / "frames", names)


def sheets(place: Path, names: Sequence[str]) -> dict[str, list[Path]]:
    """Name -> the files NAME_….png in `place`; what belongs to none goes under an empty one."""
    found: dict[str, list[Path]] = {name: [] for name in names}
    for file in sorted(place.glob("*.png")):
        of = [name for name in names if file.name.startswith(f"{name}_")]  # also "sintel_clean" of sintel_clean_test's
        found.setdefault(max(of, key=len, default=""), []).append(file)
    return {name: files for name, files in found.items() if files}


def mixed(by_name: Mapping[str, Sequence[Path]]) -> list[Path]:
    """All sheets: the first of every set or clip, then the second of every one, …."""
    return [file for file in chain.from_iterable(zip_longest(*by_name.values())) if file is not None]


def sheet_figures(group: ScoreGroup, out: Path, suffix: str = "") -> list[Path]:
    """Write `out`/pairs-1-SET.png, …: for every line of the group's table, by number, the first pairs of every set.

    Of several seeds the first is shown.
    """
    table = lines(group)
    count = max(1, min(MAX_PAIRS, MAX_SHEETS // len(table)))
    return [
        stacked(f"{runs[0].name} · {name}", files[:count], out / f"pairs{suffix}-{number}-{name}.png")
        for number, runs in enumerate(table, 1)
        for name, files in pair_sheets(runs[0].source.parent, group.dataset).items()
    ]


def frame_figures(runs: Sequence[Curve], out: Path, suffix: str = "") -> list[Path]:
    """Write `out`/frames-1-SEQUENCE_FRAME.png, …: of each curve's middle point, by number, of the first clips."""
    count = max(1, min(MAX_PAIRS, MAX_SHEETS // max(1, len(runs))))
    written = []
    for number, curve in enumerate(runs, 1):
        point = curve.points[len(curve.points) // 2]
        found = frame_sheets(point.source.parent, clip_names(point)) if point.source else {}
        for file in mixed(found)[:count]:
            name, _, frame = file.stem.rpartition("_")
            title = f"{with_lmbda(curve, point)} · {name}, frame {int(frame)}"
            written.append(stacked(title, [file], out / f"frames{suffix}-{number}-{file.name}"))
    return written
