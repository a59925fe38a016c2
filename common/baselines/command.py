"""`lic bench`: curves of the classical codecs on your pictures."""

import argparse
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import LicError

if TYPE_CHECKING:
    from rich.console import Console

    from common.baselines.codecs import Codec

DESCRIPTION = """\
Encodes and decodes every picture with JPEG, JPEG 2000, WebP, AVIF and HEVC intra at a range of qualities,
measures whole files and 8-bit pictures exactly as `lic eval` does, and writes one NAME.baseline.json per
codec, in CompressAI's layout, for `lic report`. A file that already holds the measurement is kept."""


def main(argv: list[str]) -> int:
    """Run `lic bench` with the arguments after the verb; LicError says what is wrong with them."""
    parser = argparse.ArgumentParser(
        "lic bench", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", nargs="+", type=Path, metavar="FOLDER|FILE", help="pictures, folders recursively")
    parser.add_argument(
        "--codecs",
        metavar="NAME,…",
        help="jpeg, jpeg444, jpeg2000, webp, avif, hevc (default: all that work here)",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the curves go (default: bench/NAME)")
    parser.add_argument("--name", help="what to call the set of pictures (default: the first folder's name)")
    parser.add_argument(
        "--qualities", metavar="Q,…", help="settings in the codec's own scale (default: about 0.1 to 2 bpp)"
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=os.cpu_count(),
        metavar="N",
        help="pictures at a time (default: %(default)s); encode and decode seconds are wall-clock under that "
        "load, so give 1 when they matter",
    )
    options = parser.parse_args(argv)
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from common.baselines.measure import bench, is_current
    from common.data.folders import find_pictures
    from common.data.identity import dataset_identity
    from common.rd.curves import Group, load
    from common.rd.tables import bd_table, points_table
    from common.rd.terminal import to_rich

    console = Console()
    codecs = _codecs(options.codecs, console)
    qualities = _numbers(options.qualities)
    pictures = _readable(find_pictures(options.pictures), console)
    first = options.pictures[0].resolve()
    name = options.name or (first.name if first.is_dir() else first.parent.name)
    dataset = dataset_identity(name, pictures)
    out = options.out or Path("bench") / name
    columns = TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    paths = []
    with Progress(*columns, console=console) as progress:
        for codec in codecs:
            steps = len(pictures) * len(qualities or codec.qualities)
            done = steps if is_current(out / f"{codec.name}.baseline.json", codec, dataset, qualities) else 0
            task = progress.add_task(codec.title, total=steps, completed=done)
            step = partial(progress.advance, task)
            paths.append(bench(codec, pictures, dataset, out, qualities, options.workers, step))
    curves = [load(path) for path in paths]
    console.print(*to_rich(points_table(curves, dataset), console.width), sep="\n")
    if table := bd_table(Group("image", dataset, tuple(curves))):
        console.print(*to_rich(table, console.width), sep="\n")
        for note in table.notes:
            console.print(note, style="dim", highlight=False, markup=False)
    for path in paths:
        console.print(str(path), soft_wrap=True, highlight=False, markup=False)
    return 0


def _codecs(wanted: str | None, console: "Console") -> list["Codec"]:
    from common.baselines.codecs import available

    works, missing = available()
    if wanted is None:
        for reason in missing.values():
            console.print(f"Left out: {reason}", highlight=False, markup=False)
        return list(works.values())
    for name in wanted.split(","):
        if name not in works:
            raise LicError(missing.get(name, f"There is no codec {name!r}: choose from {', '.join(works)}."))
    return [works[name] for name in wanted.split(",")]


def _numbers(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise LicError(f"--qualities takes whole numbers such as 10,30,50, not {text!r}.") from None


def _readable(paths: Sequence[Path], console: "Console") -> list[Path]:
    """The pictures that open, so that every codec is measured on the same ones; others are named."""
    from common.data.pictures import read_picture

    good = []
    for path in paths:
        try:
            read_picture(path, background="white")
            good.append(path)
        except LicError as error:
            console.print(f"Skipped: {error}", highlight=False, markup=False)
    if len(good) < len(paths):
        console.print(f"{len(paths) - len(good)} of {len(paths)} pictures cannot be read and are left out.")
    if not good:
        raise LicError("None of the pictures can be read.")
    return good
