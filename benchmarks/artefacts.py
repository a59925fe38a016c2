"""How much `lic restore` improves JPEGs: `python -m benchmarks.artefacts RUN FOLDER`.

RUN is a finished run of experiment=image/enveloped_restore, FOLDER holds photographs. Each is made a JPEG of every
quality (Pillow's libjpeg) and restored. PSNR and PSNR-B (`common.metrics.blocking`) are of luma, means over pictures:

colour    JPEGs of RGB with 4:2:0, and MATLAB's luma of what is decoded: what `lic restore` is for
grey      JPEGs of MATLAB's luma itself, as papers on artefacts measure; a grey photograph is taken as it is

Beside grey ones stand the figures of AR-CNN on LIVE1 (29 grey pictures, JPEGs by MATLAB), as J. Liang et al. print
them: "SwinIR: image restoration using Swin Transformer", ICCV workshops 2021, table 4, which ends at quality 40. AR-CNN
is one network for each quality (C. Dong et al., ICCV 2015). MATLAB's luma has 219 levels, and a grey photograph 255:
the same errors are 1.3 dB less in a colour photograph.
"""

import argparse
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from common.data.folders import find_pictures
from common.data.image_io import read_picture
from common.metrics.blocking import matlab_luma, psnr_b_of_plane
from lic_image.restore import artefact_remover, restored

QUALITIES = (10, 20, 30, 40, 50, 60)
AR_CNN = {10: (28.96, 28.77), 20: (31.29, 30.79), 30: (32.67, 32.22), 40: (33.63, 33.14)}  # PSNR, PSNR-B on LIVE1


class Figures(NamedTuple):
    """dB of luma."""

    psnr: float
    psnr_b: float


Compared = dict[int, tuple[Figures, Figures]]


def luma(rgb: np.ndarray, grey: bool) -> torch.Tensor:
    """(H, W) in levels of 255; of a picture without colour, its values."""
    if grey:
        return torch.from_numpy(rgb[..., 1].astype(np.float64))
    return matlab_luma(torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None].double() / 255)[0]


def measured(decoded: torch.Tensor, original: torch.Tensor) -> Figures:
    psnr = 10 * torch.log10(255**2 / (decoded - original).square().mean())
    return Figures(psnr.item(), psnr_b_of_plane(decoded, original).item())


def jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    """uint8 (H, W) or (H, W, 3) -> what a JPEG of it decodes to, uint8 (H, W, 3)."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def pictures(files: Sequence[Path], kind: str) -> Iterator[np.ndarray]:
    """What is made a JPEG: uint8 (H, W, 3), or (H, W) of kind "grey"; no grey photographs of kind "colour"."""
    for file in track(files, description=kind):
        picture = read_picture(file, background="white")
        if kind == "grey":
            yield luma(picture.rgb, picture.grey).round().numpy().astype(np.uint8)
        elif not picture.grey:
            yield picture.rgb


def compare(codec: Any, files: Sequence[Path], kind: str, qualities: Sequence[int]) -> Compared:
    """By quality the means of the JPEGs and of what is restored; empty where there are no such photographs."""
    found: dict[int, list[tuple[Figures, Figures]]] = {quality: [] for quality in qualities}
    for picture in pictures(files, kind):
        grey = picture.ndim == 2
        original = torch.from_numpy(picture.astype(np.float64)) if grey else luma(picture, False)
        for quality in qualities:
            decoded = jpeg(picture, quality)
            better = restored(codec, decoded, quality)
            if grey:  # one channel is written, as `lic restore` does
                better = ((better.sum(2, keepdims=True, dtype=np.uint16) + 1) // 3).astype(np.uint8).repeat(3, 2)
            found[quality].append((measured(luma(decoded, grey), original), measured(luma(better, grey), original)))
    return {quality: (mean([a for a, _ in own]), mean([b for _, b in own])) for quality, own in found.items() if own}


def mean(figures: Sequence[Figures]) -> Figures:
    return Figures(*(float(np.mean(column)) for column in zip(*figures)))


def table(kind: str, found: Compared) -> Table:
    shown = Table(title=f"{kind}: PSNR / PSNR-B of luma, dB")
    beside = ["AR-CNN on LIVE1, published"] if kind == "grey" else []
    for title in ("quality", "JPEG", "restored", "gain", *beside):
        shown.add_column(title, justify="right")
    for quality, (before, after) in found.items():
        gain = "{:+.2f} / {:+.2f}".format(*(b - a for a, b in zip(before, after)))
        published = ["{:.2f} / {:.2f}".format(*AR_CNN[quality]) if quality in AR_CNN else ""] if beside else []
        shown.add_row(str(quality), *("{:.2f} / {:.2f}".format(*each) for each in (before, after)), gain, *published)
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--qualities", type=int, nargs="+", default=QUALITIES)
    options = parser.parse_args()
    codec, files = artefact_remover(options.run), find_pictures([options.folder])
    ratios: dict[str, float] = {}
    for kind in ("colour", "grey"):
        if found := compare(codec, files, kind, options.qualities):
            Console(width=120).print(table(kind, found))
            ratios |= {f"{kind}_gain_{quality}": round(b.psnr - a.psnr, 3) for quality, (a, b) in found.items()}
    print(json.dumps(ratios))


if __name__ == "__main__":
    main()
