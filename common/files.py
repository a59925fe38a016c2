"""`lic compress`, `lic decompress` and `lic info`: files in, files out.

What codes a file is said by the configuration of the run that trained the codec, so that this module knows
nothing about photographs or clips.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.errors import LicError


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="lic", description="Code pictures into .lic files and back.")
    verbs = top.add_subparsers(dest="verb", required=True)
    run_help = "folder of the training run whose codec is used, or a weights.ckpt inside one"

    one = verbs.add_parser("compress", help="code a picture", description="Code a picture into a .lic file.")
    one.add_argument("source", type=Path, help="PNG, JPEG, WebP, TIFF, AVIF, BMP or PPM, 8 bits a channel")
    one.add_argument("target", type=Path, help="the .lic file to write")
    one.add_argument("--checkpoint", type=Path, required=True, metavar="RUN", help=run_help)
    one.add_argument("--background", metavar="COLOUR", help="what transparent pixels are put on, e.g. white, '#202020'")

    two = verbs.add_parser("decompress", help="decode a .lic file", description="Decode a .lic file into a picture.")
    two.add_argument("source", type=Path, help="the .lic file")
    two.add_argument("target", type=Path, help="the picture to write: .png, or another lossless format")
    two.add_argument("--checkpoint", type=Path, required=True, metavar="RUN", help=run_help)
    two.add_argument("--max-pixels", type=int, default=2**28, help="refuse larger pictures (default %(default)s)")
    for verb in (one, two):
        verb.add_argument("--device", default="cpu", help="cpu (default) or cuda; decode where you encoded")

    three = verbs.add_parser(
        "info", help="describe a file or a run", description="Describe a .lic file or a run folder."
    )
    three.add_argument("source", type=Path, help="a .lic file or a run folder")
    return top


def main(argv: Sequence[str]) -> int:
    """`argv` begins with the verb. Bad input raises LicError."""
    arguments = parser().parse_args(argv)
    if arguments.verb == "info":
        describe(arguments.source)
        return 0
    if not arguments.source.is_file():
        raise LicError(f"there is no file {arguments.source}.")
    if not arguments.target.parent.is_dir():
        raise LicError(f"the folder {arguments.target.parent} does not exist; make it first.")
    files = open_files(arguments.checkpoint, arguments.device)
    if arguments.verb == "compress":
        notes = files.compress_file(arguments.source, arguments.target, arguments.background)
    else:
        notes = files.decompress_file(arguments.source, arguments.target, arguments.max_pixels)
    print("\n".join(notes))
    return 0


def open_files(checkpoint: Path, device: str) -> Any:
    """The file coder of the run that `checkpoint` names, with its trained weights."""
    from hydra.utils import instantiate

    from common.launch.weights import trained_network

    codec, cfg = trained_network(checkpoint, device)
    if "files" not in cfg:
        raise LicError(f"{checkpoint} is a run of {cfg.system}, which codes no pictures: give a codec's run.")
    return instantiate(cfg.files, codec=codec, model=cfg.system)


def describe(path: Path) -> None:
    """Print what `path` holds."""
    if path.is_dir():
        from common.launch.folder import RunFolder

        folder = RunFolder(path)
        cfg = folder.config()
        state = "finished" if folder.result.exists() else "failed" if folder.failure.exists() else "not finished"
        print(f"{path}: run of {cfg.system}, lambda {cfg.lmbda:g} ({cfg.distortion}), {state}")
        file = folder.result if folder.result.exists() else folder.failure
        if file.exists():
            content = json.loads(file.read_text())
            shown = content.get("results") or {"reason": [content["reason"]]}
            for key, values in shown.items():
                print(f"  {key:<14} {values[0]}")
        return
    from common.entropy.container import unpack

    try:
        data = path.read_bytes()
    except OSError as error:
        raise LicError(f"{path} cannot be read: {error.strerror}.") from error
    header, streams, _, version = unpack(data, max_pixels=sys.maxsize)
    pixels = header.width * header.height
    print(
        f"{path}: {header.width}x{header.height}{' grey' if header.grey else ''}, {len(data)} bytes, "
        f"{8 * len(data) / pixels:.4f} bpp, format version {version}"
    )
    print(f"  model    {header.model}, weights {header.digest.hex()}")
    print(
        f"  streams  {', '.join(str(len(stream)) for stream in streams)} bytes, "
        f"{len(data) - sum(map(len, streams))} bytes of header and checksums"
    )
