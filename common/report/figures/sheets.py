"""Sheets of what evaluations leave in run folders: of photographs `attention/` and `refinement/`, what a codec's blocks
do to them; of pairs `flow/SET_PAIR.png`; of clips `frames/SEQUENCE_FRAME.png`."""

from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path

from PIL import Image, ImageDraw

from common.report.figures.gallery import GAP, LINE, caption_font, save_stacked
from common.report.flow_tables import lines
from common.report.sequences import clip_names
from common.results.curves import Curve, Point
from common.results.flow_results import ScoreGroup
from common.viz.palette import INK, PAPER

BLOCKS = ("attention", "refinement")
MAX_BLOCKS = 4  # sheets of them
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


def block_figures(runs: Sequence[Curve], out: Path, suffix: str = "") -> list[Path]:
    """Write `out`/blocks-1.png, …: for each of the first curves that have such figures, those of one photograph.

    A run folder holds `attention/<name>.png` and `refinement/<name>.png` where its codec has such blocks. Shown is
    the curve's middle point.
    """
    written: list[Path] = []
    for curve in runs:
        point = curve.points[len(curve.points) // 2]
        if point.source is None or len(written) == MAX_BLOCKS:
            continue
        folder = point.source.parent
        name = next((file.name for kind in BLOCKS for file in sorted((folder / kind).glob("*.png"))), None)
        figures = [folder / kind / name for kind in BLOCKS if name and (folder / kind / name).is_file()]
        if name is None or not figures:
            continue
        title = f"{with_lmbda(curve, point)} · {Path(name).stem}"
        written.append(stacked(title, figures, out / f"blocks{suffix}-{len(written) + 1}.png"))
    return written


def with_lmbda(curve: Curve, point: Point) -> str:
    """Of which point of a curve a picture is."""
    lmbda = point.extra.get("lmbda")
    return curve.name if lmbda is None else f"{curve.name} · λ {lmbda:g}"


def stacked(title: str, figures: Sequence[Path], path: Path) -> Path:
    """Write the `figures` below each other under a title."""
    pictures = [Image.open(figure).convert("RGB") for figure in figures]
    heading = Image.new("RGB", (max(p.width for p in pictures), LINE + GAP), PAPER)
    ImageDraw.Draw(heading).text((14, GAP), title, fill=INK, font=caption_font(15))
    return save_stacked([heading, *pictures], path)
