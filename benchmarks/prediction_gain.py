"""How well `intra` predicts: `python -m benchmarks.prediction_gain RUN FOLDER`.

RUN is a finished run of model=image/intra, FOLDER holds photographs. Each is coded, and all its blocks are predicted
from what is decoded around them. The gain of a prediction A over a prediction B is

    10 log10 (sum of B's squared errors / sum of A's)    dB

over all blocks of all photographs. "best classical" is of each block the classical mode of the least squared error,
"all" the least with the network among them; "chosen" is what the encoder takes, which looks at bits.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from common.coding.codec_files import to_input
from common.data.folders import find_pictures
from common.data.image_io import read_picture
from common.errors import LicError
from lic_image import load
from lic_image.codecs.intra import Intra

AGAINST = ("dc", "planar", "best classical")


def errors_of(codec: Intra, files: Sequence[Path]) -> tuple[dict[str, float], float]:
    """Squared errors by what predicts, over all blocks of `files`; the part of the blocks with the network chosen."""
    found: dict[str, float] = {}
    blocks = networks = 0
    for file in track(files, description="predicting"):
        told, chosen = codec.prediction_errors(to_input(read_picture(file, background="white").rgb, codec.downsampling))
        every = torch.stack(list(told.values())).double()
        classical = [name for name in told if name != "network"]
        of_picture = {
            **{name: errors.double().sum() for name, errors in told.items()},
            **({"best classical": every[: len(classical)].amin(0).sum()} if classical else {}),
            "all": every.amin(0).sum(),
            "chosen": every.gather(0, chosen[None]).sum(),
        }
        found = {name: found.get(name, 0.0) + errors.item() for name, errors in of_picture.items()}
        blocks += len(chosen)
        networks += int((chosen == len(classical)).sum())
    return found, networks / blocks


def gains(errors: dict[str, float]) -> dict[str, dict[str, float]]:
    """By what predicts: its gain over each of `AGAINST` that there is, dB."""
    against = [name for name in AGAINST if name in errors]
    ratios = {name: torch.tensor([errors[b] for b in against]).double() / error for name, error in errors.items()}
    return {name: dict(zip(against, (10 * ratio.log10()).tolist())) for name, ratio in ratios.items()}


def table(found: dict[str, dict[str, float]], networks: float) -> Table:
    against = list(next(iter(found.values())))
    shown = Table(title=f"prediction gain, dB; the network is chosen for {networks:.1%} of the blocks")
    for title in ("prediction", *(f"over {name}" for name in against)):
        shown.add_column(title, justify="right")
    for name, of in found.items():
        shown.add_row(name, *(f"{round(of[each], 2) + 0.0:+.2f}" for each in against))
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    codec = load(options.run).network
    if not isinstance(codec, Intra):
        raise LicError(f"{options.run} is no run of model=image/intra: nothing is predicted in it.")
    errors, networks = errors_of(codec, find_pictures([options.folder]))
    found = gains(errors)
    Console(width=100).print(table(found, networks))
    print(json.dumps({name: {b: round(gain, 3) for b, gain in of.items()} for name, of in found.items()}))


if __name__ == "__main__":
    main()
