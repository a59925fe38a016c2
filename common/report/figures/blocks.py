"""What a codec's blocks do to a photograph: the figures that an evaluation leaves in a run folder, as one sheet."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from common.report.figures.gallery import GAP, LINE, caption_font, save_stacked
from common.results.curves import Curve, Point
from common.viz.palette import INK, PAPER

KINDS = ("attention", "refinement")
MAX_SHEETS = 4


def block_figures(runs: Sequence[Curve], out: Path, suffix: str = "") -> list[Path]:
    """Write `out`/blocks-1.png, …: for each of the first curves that have such figures, those of one photograph.

    A run folder holds `attention/<name>.png` and `refinement/<name>.png` where its codec has such blocks. Shown is
    the curve's middle point.
    """
    written: list[Path] = []
    for curve in runs:
        point = curve.points[len(curve.points) // 2]
        if point.source is None or len(written) == MAX_SHEETS:
            continue
        folder = point.source.parent
        name = next((file.name for kind in KINDS for file in sorted((folder / kind).glob("*.png"))), None)
        figures = [folder / kind / name for kind in KINDS if name and (folder / kind / name).is_file()]
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
