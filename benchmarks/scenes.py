"""How fast procedural stills are made, beside decoding them from PNG files of the same size.

python -m benchmarks.scenes
"""

import argparse
import io
import json

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.timing import interleaved_medians
from common.data.scenes import still

STILLS = 40


def main() -> None:
    argparse.ArgumentParser(prog="python -m benchmarks.scenes", description=__doc__).parse_args()
    table = Table("size", "stills/s", "PNG decodes/s", "PNG time / still time")
    ratios: dict[str, float] = {}
    for size in (128, 256):
        files = [io.BytesIO() for _ in range(STILLS)]
        for index, file in enumerate(files):
            Image.fromarray(still(0, index, size, size)).save(file, "PNG")

        def make(size: int = size) -> None:
            for index in range(STILLS):
                still(0, index, size, size)

        def decode(files: list[io.BytesIO] = files) -> None:
            for file in files:
                np.asarray(Image.open(file))

        making, decoding = interleaved_medians(make, decode, rounds=7)
        ratios[f"still_vs_png_decode_{size}"] = round(decoding / making, 3)
        table.add_row(str(size), f"{STILLS / making:.0f}", f"{STILLS / decoding:.0f}", f"{decoding / making:.2f}")
    Console().print(table)
    print(json.dumps(ratios))


if __name__ == "__main__":
    main()
