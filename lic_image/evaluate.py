"""Protocol `image`: whole photographs, real files, 8-bit reconstructions.

Every photograph is coded into a .lic file and decoded from those bytes. PSNR (RGB) and MS-SSIM are those of the
decoded 8-bit picture, bpp is the whole file's; both are averaged over photographs, as for Kodak in the papers.
"""

import csv
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from compressai.models import CompressionModel
from matplotlib import colormaps
from rich.progress import track
from torch import Tensor
from torch.nn import functional as F

from common.data.pictures import read_picture, write_picture
from common.errors import LicError
from common.metrics.image import ms_ssim, psnr, rate
from common.rd.points import finite
from lic_image.data import Photographs
from lic_image.files import ImageFiles, exact_convolutions, to_input, to_picture

log = logging.getLogger(__name__)


class ImageProtocol:
    """Evaluates a codec on the whole photographs of a DataModule's test set.

    Args:
        name: what results of this protocol are marked with; tables never mix two.
        keep_pictures: write reconstructions to `pictures/` and files to `streams/` of the run folder.
    """

    def __init__(self, name: str = "image", keep_pictures: bool = True) -> None:
        self.name = name
        self.keep_pictures = keep_pictures

    def __call__(self, codec: CompressionModel, model: str, data: Photographs, out: Path) -> list[dict[str, Any]]:
        """One record a photograph, in CompressAI's units; pictures, streams and images.csv under `out`."""
        sources = data.test_files()
        names = unique_names(sources)
        files = ImageFiles(codec, model)
        files.decode(files.encode(np.zeros((1, 1, 3), np.uint8)))  # the coder compiles on first use: not to be timed
        records = []
        for source, name in track(list(zip(sources, names)), description=f"coding {len(sources)} photographs"):
            records.append(self.measure(files, source, name, out))
        different = [record["file"] for record in records if not record.pop("identical")]
        if different:
            raise LicError(
                f"{len(different)} of {len(records)} photographs decode to other pixels than the forward pass gives "
                f"({', '.join(different[:3])}): the codec's compress/decompress do not match its forward."
            )
        write_table(out / "images.csv", records)
        return records

    @torch.inference_mode()
    def measure(self, files: ImageFiles, source: Path, name: str, out: Path) -> dict[str, Any]:
        picture = read_picture(source, background="white")
        height, width = picture.rgb.shape[:2]
        started = time.perf_counter()
        stream = files.encode(picture.rgb, picture.grey)
        encoded = time.perf_counter()
        decoded = files.decode(stream).rgb
        finished = time.perf_counter()
        with exact_convolutions():
            forward = files.codec(to_input(picture.rgb, files.codec.downsampling, files.device))
        # Single precision sums and logarithms differ in the last place with where memory lies; a result must not.
        exact = {name: p.double() for name, p in forward["likelihoods"].items()}
        estimated = round(rate(exact, width * height).item(), 6)
        if self.keep_pictures:
            for kind in ("pictures", "bits", "streams"):
                (out / kind).mkdir(exist_ok=True)
            write_picture(out / "pictures" / f"{name}.png", decoded)
            write_picture(out / "bits" / f"{name}.png", bit_picture(forward, height, width))
            (out / "streams" / f"{name}.lic").write_bytes(stream)
        x, x_hat = (torch.from_numpy(p.copy()).permute(2, 0, 1)[None] for p in (picture.rgb, decoded))
        return {
            "file": name,
            "source": str(Path(source).resolve()),
            "width": width,
            "height": height,
            "bytes": len(stream),
            "bpp": 8 * len(stream) / (width * height),
            "bpp_estimated": estimated,
            "psnr": finite(psnr(x, x_hat).item()),  # None where nothing was lost
            "ms_ssim": finite(ms_ssim(x, x_hat).item()),  # None for small pictures
            "encoding_time": encoded - started,
            "decoding_time": finished - encoded,
            "identical": bool((to_picture(forward["x_hat"], height, width) == decoded).all()),
        }


def bit_map(out: Mapping[str, Any]) -> Tensor:
    """Where the bits go: (H, W) bits per pixel, every latent's bits spread evenly over the pixels it stands for.

    `out` is what a codec's forward pass gives for one image: x_hat (1, 3, H, W) and likelihoods (1, C, h, w).
    """
    height, width = out["x_hat"].shape[-2:]
    total = torch.zeros(1, 1, height, width)
    for p in out["likelihoods"].values():
        bits = -p.float().cpu().log2().sum(1, keepdim=True)
        total += F.interpolate(bits, size=(height, width), mode="nearest") * bits[0, 0].numel() / (height * width)
    return total[0, 0]


def bit_picture(out: Mapping[str, Any], height: int, width: int) -> np.ndarray:
    """The bit map as uint8 (height, width, 3), from black (none) over red to pale yellow (the most)."""
    bits = bit_map(out)[:height, :width]
    scaled = (bits / bits.max().clamp_min(1e-9)).numpy()
    return (colormaps["inferno"](scaled)[..., :3] * 255).round().astype(np.uint8)


def unique_names(sources: list[Path]) -> list[str]:
    """Stems of the files, with the parent's name before those that would otherwise be the same."""
    stems = [source.stem for source in sources]
    return [f"{s.parent.name}-{s.stem}" if stems.count(s.stem) > 1 else s.stem for s in sources]


def write_table(path: Path, records: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
