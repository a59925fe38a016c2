"""`lic conform`: a table of what an image codec keeps of what codecs promise."""

import argparse
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import LicError

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from lic_image.conform.checks import Subject
    from lic_image.conform.table import Findings

DESCRIPTION = """\
Tests an image codec with CompressAI's interface (forward, compress, decompress, update), from anyone's repository:
decoded = forward pass, size against likelihoods, batches, threads, memory layout, odd sizes, the small differences
between machines, damaged streams; and shows times and memory. Without weights, the codec's random ones are fitted to
the picture first, as all symbols would be 0 otherwise."""
EPILOG = """\
A codec with CompressAI's entropy models is shown as it is, and with lic's entropy coder and exact arithmetic; the first
decides, the second with --adopted. A codec with lic's entropy models is shown with exact arithmetic, which decides, and
without. Exit status: 0 if all that decides holds, 1 if not, 2 for bad input. Codecs are imported and run: test only
code that you trust."""


def parser() -> argparse.ArgumentParser:
    one = argparse.ArgumentParser("lic conform", description=DESCRIPTION, epilog=EPILOG)
    one.add_argument("target", nargs="?", metavar="MODULE:CLASS", help="as in my_package.codec:MyCodec")
    one.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="constructor arguments: N=128")
    one.add_argument("--weights", type=Path, metavar="FILE", help="a state dict for the class")
    one.add_argument("--checkpoint", type=Path, metavar="RUN", help="a finished run, in place of a class")
    one.add_argument("--picture", type=Path, metavar="FILE", help="a photograph (default: astronaut of scikit-image)")
    one.add_argument(
        "--size", default="256x256", metavar="WxH", help="the part used, its centre (default: %(default)s)"
    )
    one.add_argument("--adopted", action="store_true", help="let the column with lic's coder decide")
    one.add_argument("--json", type=Path, metavar="FILE", help="write what was found")
    return one


def main(argv: list[str]) -> int:
    """Run `lic conform` with the arguments after the verb; LicError says what is wrong with them."""
    options = parser().parse_args(argv)
    if (options.target is None) == (options.checkpoint is None):
        raise LicError("give either a class, as in my_package.codec:MyCodec, or --checkpoint RUN.")
    if options.checkpoint and (options.set or options.weights):
        raise LicError("--set and --weights are for a class; a run has its own.")
    size = _size(options.size)
    if options.json and not options.json.expanduser().parent.is_dir():
        raise LicError(f"the folder {options.json.parent} does not exist; make it first.")

    from rich.console import Console

    from lic_image.conform.checks import FAILED
    from lic_image.conform.table import as_json, shown

    rgb, name = _picture(options.picture, size)
    codec, notes = _codec(options, rgb)
    console = Console(highlight=False)
    what = options.target or str(options.checkpoint)
    console.print(f"{what} on {name}, {rgb.shape[1]}x{rgb.shape[0]}", soft_wrap=True, markup=False)
    if notes:
        console.print(f"weights fitted to the picture: {'; '.join(notes)}.", soft_wrap=True)
    columns = subjects(codec, rgb)
    decides = decisive(list(columns), options.adopted)
    findings = examined(columns)
    shown(findings, console)
    conforms = all(found.state != FAILED for found in findings[decides].values())
    if len(findings) > 1:
        console.print(f"“{decides}” decides.", soft_wrap=True)
    console.print(f"{'All holds' if conforms else 'Not all holds'}: {what}.", soft_wrap=True, markup=False)
    if options.json:
        record = {"target": what, "picture": name, "calibration": notes, "conforms": conforms, "decides": decides}
        _write(options.json.expanduser(), record | {"columns": as_json(findings)})
    return 0 if conforms else 1


def _size(text: str) -> tuple[int, int]:
    if not (found := re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text.lower())):
        raise LicError(f"--size takes width and height in pixels, as in 256x256, not '{text}'.")
    return int(found[1]), int(found[2])


def _picture(path: Path | None, size: tuple[int, int]) -> "tuple[np.ndarray, str]":
    """The centre of the picture, uint8 (H, W, 3), and its name."""
    from common.data.image_io import read_picture
    from common.data.samples import held_out_photographs

    path = path.expanduser() if path else held_out_photographs()[0]
    rgb = read_picture(path, background="white").rgb
    top, left = ((side - min(side, wanted)) // 2 for side, wanted in zip(rgb.shape, size[::-1]))
    return rgb[top : top + size[1], left : left + size[0]], path.name


def _codec(options: argparse.Namespace, rgb: "np.ndarray") -> "tuple[nn.Module, list[str]]":
    """The codec with its tables built, and how weights were made if it had none."""
    import torch

    from lic_image.conform.targets import METHODS, constructed, load, settings, step_of

    notes: list[str] = []
    if options.checkpoint:
        from common.run.weights import trained_network

        codec, cfg = trained_network(options.checkpoint)
        if "files" not in cfg or not all(hasattr(codec, method) for method in METHODS):
            raise LicError(f"{options.checkpoint} is a run of {cfg.system}: give an image codec's.")
    else:
        torch.manual_seed(0)
        codec = constructed(options.target, settings(options.set))
        if options.weights:
            load(codec, options.weights.expanduser())
        else:
            from common.coding.codec_files import to_input

            notes = calibrated(codec, to_input(rgb, step_of(codec)))
    codec.eval()
    codec.update()  # type: ignore[operator]
    return codec, notes


def calibrated(codec: "nn.Module", x: Any) -> list[str]:
    """`calibrate`, where a stranger's forward pass may fail at once."""
    from lic_image.conform.calibration import calibrate

    try:
        return calibrate(codec, x)
    except LicError:
        raise
    except Exception as error:
        raise LicError(
            f"the forward pass of {type(codec).__name__} fails on a picture of {x.shape[3]}x{x.shape[2]}: "
            f"{type(error).__name__}: {error}"
        ) from error


def subjects(codec: "nn.Module", rgb: "np.ndarray") -> "dict[str, Subject | str]":
    """The columns: the codec in each of its ways of coding, or why there is none."""
    from common.entropy.rules import PRESENT
    from lic_image.conform.checks import Subject
    from lic_image.conform.targets import adopted_copy, ours, step_of

    step, floating = step_of(codec), PRESENT._replace(exact=False)
    if ours(codec):
        return {
            "exact": Subject(codec, rgb, step, PRESENT, safe=True),
            "floating point": Subject(codec, rgb, step, floating, safe=True),
        }
    found: dict[str, Subject | str] = {"as it is": Subject(codec, rgb, step, floating, safe=False)}
    try:
        twin = adopted_copy(codec)
    except Exception as error:
        found["with lic's coder"] = f"{type(error).__name__}: {error}"
    else:
        found["with lic's coder"] = Subject(twin, rgb, step, PRESENT, safe=ours(twin))
    return found


def decisive(columns: list[str], adopted: bool) -> str:
    if adopted and columns[0] == "exact":
        raise LicError("--adopted is for codecs with CompressAI's entropy models; this one has lic's.")
    return columns[1] if adopted else columns[0]


def examined(columns: "dict[str, Subject | str]") -> "Findings":
    """Every check of every column; a terminal is told how far it is, as it takes a minute or two."""
    from rich.console import Console
    from rich.progress import Progress

    from lic_image.conform.checks import CHECKS, FAILED, Finding, examine
    from lic_image.conform.exactness import arithmetic

    found: Findings = {}
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(columns) * len(CHECKS))
        for column, subject in columns.items():
            if isinstance(subject, str):
                found[column] = {"arithmetic": Finding(FAILED, "none", subject)}
                found[column] |= {check.name: Finding("not applicable") for check in CHECKS}
                progress.advance(task, len(CHECKS))
                continue
            found[column] = {"arithmetic": arithmetic(subject)}
            for check in CHECKS:
                progress.update(task, description=f"{column}: {check.name}")
                found[column][check.name] = examine(check, subject)
                progress.advance(task)
    return found


def _write(path: Path, record: dict[str, Any]) -> None:
    from common.io import write_atomically

    write_atomically(path, (json.dumps(record, indent=2) + "\n").encode())
