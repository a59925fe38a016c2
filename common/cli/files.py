"""`lic compress`, `lic decompress` and `lic info`: files in, files out.

What codes a file is said by the configuration of the run that trained the codec: photographs or clips. Which options
are whose is what its `compress_file` and `decompress_file` take.
"""

import argparse
import inspect
import math
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from common.cli.arguments import Parser
from common.coding.batch import codes_clips, jobs, run
from common.errors import LicError
from common.lean import lean


def parser() -> argparse.ArgumentParser:
    top = Parser(prog="lic", description="Code pictures and clips into .lic files and back.")
    verbs = top.add_subparsers(dest="verb", required=True)
    run_help = "folder of the training run whose codec is used, or a weights.ckpt inside one"

    one = verbs.add_parser("compress", help="code a picture or a clip", description="Code into a .lic file.")
    one.add_argument(
        "sources",
        nargs="+",
        metavar="source",
        type=Path,
        help="one, several, or a folder of them; for an image codec: PNG, JPEG, WebP, TIFF, AVIF, BMP or PPM; for a "
        "video codec: what FFmpeg opens, raw .yuv or .rgb, or a folder of pictures; 8 bits a channel",
    )
    one.add_argument("target", type=Path, help="the .lic file to write, or of several the folder for them")
    one.add_argument("--checkpoint", type=Path, required=True, metavar="RUN", help=run_help)
    one.add_argument("--background", metavar="COLOUR", help="what transparent pixels are put on, e.g. white, '#202020'")
    rate = one.add_argument_group("of an image codec of several rates, one of")
    of_quality = "0 to 100, for a codec of rate=gains or rate=step; 1 to 100, of the classical codec within enveloped"
    rate.add_argument("--quality", type=float, metavar="Q", help=of_quality)
    rate.add_argument(
        "--max-error", type=int, metavar="E", help="no channel of a pixel is off by more, for a near-lossless codec"
    )
    rate.add_argument(
        "--levels", type=_count, metavar="N", help="only the first levels, for a codec that codes in levels"
    )
    rate.add_argument(
        "--target-bpp", type=_positive, metavar="BPP", help="the best file of at most so many bits a pixel"
    )
    rate.add_argument("--target-psnr", type=_positive, metavar="DB", help="the smallest file of at least so many dB")
    one.add_argument(
        "--refine",
        type=_count,
        metavar="N",
        help="spend N steps of gradient descent on a better latent of this picture; any decoder reads the file",
    )
    one.add_argument(
        "--roi",
        action="append",
        metavar="REGION",
        help="a region that is worth more bits, in a codec with importance=map or with --refine: x,y,width,height in "
        "pixels, a picture that is white inside, or saliency; several are joined",
    )
    one.add_argument("--outside", type=float, metavar="W", help="what counts outside of --roi, 0 to 1 (default 0.1)")
    one.add_argument("--size", type=_size, metavar="WxH", help="of the frames of a raw clip, e.g. 352x288")
    one.add_argument("--rate", type=_rate, metavar="FPS", help="frames a second, in place of what the clip says")
    one.add_argument(
        "--format", metavar="PIXELS", help="of a raw clip, in FFmpeg's words (yuv420p10le), not by its name"
    )
    one.add_argument("--conversion", help="matrix of a clip's YUV: flagged (default), ffmpeg_default (BT.601) or bt709")
    one.add_argument(
        "--ignore-damage", action="store_const", const=True, help="code a damaged clip as FFmpeg conceals it"
    )

    two = verbs.add_parser("decompress", help="decode a .lic file", description="Decode a .lic file.")
    two.add_argument(
        "sources", nargs="+", metavar="source", type=Path, help="a .lic file, several, or a folder of them"
    )
    two.add_argument(
        "target",
        type=Path,
        help="a picture: .png, or another lossless format; a clip: .mkv (FFV1, lossless), .y4m (4:4:4), or a folder of "
        "PNG files; of several files the folder for them",
    )
    two.add_argument("--checkpoint", type=Path, required=True, metavar="RUN", help=run_help)
    two.add_argument("--max-pixels", type=int, help=f"refuse larger pictures, or frames (default {2**28})")
    two.add_argument(
        "--level", type=_count, metavar="N", help="of a file of levels at most the first N: a lower quality, sooner"
    )
    two.add_argument("--frames", type=_span, metavar="A:B", help="only frames A to before B of a clip, counted from 0")
    two.add_argument(
        "--exact",
        action="store_const",
        const=True,
        help="pixels in exact arithmetic, too: the same on every machine, slowly (for archives)",
    )
    for verb in (one, two):
        verb.add_argument(
            "--overwrite", action="store_true", help="replace what is in the folder (a single file is replaced unasked)"
        )
        verb.add_argument("--device", default="cpu", help="cpu (default) or cuda; each decodes the other's files")

    three = verbs.add_parser(
        "info", help="describe a file or a run", description="Describe a .lic file or a run folder."
    )
    three.add_argument("source", type=Path, help="a .lic file or a run folder")
    three.add_argument(
        "--checkpoint", type=Path, metavar="RUN", help="the run that wrote the file: names its operating point as typed"
    )
    return top


def main(argv: Sequence[str]) -> int:
    """`argv` begins with the verb. Bad input raises LicError."""
    from common.data.image_io import check_distinct

    arguments = parser().parse_args(argv)
    if arguments.verb == "info":
        from common.coding.describe import describe

        describe(arguments.source)
        if arguments.checkpoint is not None:
            print(open_files(arguments.checkpoint).operating_point(arguments.source.expanduser()))
        return 0
    verb, target = arguments.verb, arguments.target.expanduser()
    sources = [source.expanduser() for source in arguments.sources]
    for source in sources:
        if not source.exists():
            raise LicError(f"there is no file {source}.")
        check_distinct(target, source)
    if not target.parent.is_dir():
        raise LicError(f"the folder {target.parent} does not exist; make it first.")
    if len(sources) == 1 and sources[0].is_file() and not target.is_dir():
        _check_suffix(verb, target)
    lean()
    files = open_files(arguments.checkpoint, arguments.device)
    work = files.compress_file if verb == "compress" else files.decompress_file
    options = {name: value for name, value in vars(arguments).items() if value is not None and name not in _COMMON}
    options = _taken(work, options)
    todo = jobs(verb, sources, target, codes_clips(files))
    if len(todo) == 1 and todo[0].target == target:
        _check_suffix(verb, target)
        print("\n".join(work(todo[0].source, target, **options)))
        return 0
    if target.is_file():
        raise LicError(f"{target} is a file: of several files the last argument is the folder for their outputs.")
    if target.suffix.lower() == ".lic" and not target.is_dir():
        raise LicError(f"{target} is to be a folder, for {len(todo)} files: give it a name that is not a file's.")
    target.mkdir(exist_ok=True)
    return run(verb, work, todo, options, arguments.overwrite)


def _check_suffix(verb: str, target: Path) -> None:
    if verb == "compress" and target.suffix.lower() != ".lic":
        raise LicError(f"{target} does not end in .lic: name the output so that it is taken for what it is.")


_OF_CLIPS = ("size", "rate", "format", "conversion", "ignore_damage", "frames")
_COMMON = ("verb", "sources", "target", "checkpoint", "device", "overwrite")


def _taken(work: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, if `work` takes them all."""
    for name in options:
        if name not in inspect.signature(work).parameters:
            whose = "clips" if name in _OF_CLIPS else "pictures"
            raise LicError(f"--{name.replace('_', '-')} is for {whose}, and the codec of --checkpoint codes none.")
    return options


def _positive(text: str) -> float:
    try:
        if 0 < (value := float(text)) < math.inf:
            return value
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"give a number above 0, not '{text}'")


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d*", text):
        raise argparse.ArgumentTypeError(f"give a whole number from 1 on, not '{text}'")
    return int(text)


def _size(text: str) -> tuple[int, int]:
    if not (found := re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text.lower())):
        raise argparse.ArgumentTypeError(f"give width and height in pixels, as in 352x288, not '{text}'")
    return int(found[1]), int(found[2])


def _rate(text: str) -> Fraction | float:
    if not re.fullmatch(r"\d+/[1-9]\d*|\d+(\.\d+)?", text):
        raise argparse.ArgumentTypeError(f"give frames a second, as in 25, 29.97 or 30000/1001, not '{text}'")
    return Fraction(text) if "/" in text else float(text)


def _span(text: str) -> tuple[int, int | None]:
    found = re.fullmatch(r"(\d*):(\d*)", text)
    if not found or (found[2] and int(found[2]) <= int(found[1] or 0)):
        raise argparse.ArgumentTypeError(f"give the first frame and the one behind the last, as in 30:40, not '{text}'")
    return int(found[1] or 0), int(found[2]) if found[2] else None


def open_files(checkpoint: str | Path, device: str = "cpu") -> Any:
    """The file coder of a trained run: `open_files("runs/x").compress_file("a.png", "a.lic")`.

    Arguments and errors are those of `trained_network`; `LicError`, too, where the run's network codes nothing.
    """
    from common.run.targets import instantiate_harmless
    from common.run.weights import trained_network

    codec, cfg = trained_network(checkpoint, device)
    if "files" not in cfg:
        raise LicError(f"{checkpoint} is a run of {cfg.system}, which codes nothing: give a codec's run.")
    files = instantiate_harmless(cfg.files, codec=codec, model=cfg.system)
    files.run = cfg
    return files
