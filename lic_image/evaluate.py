"""Protocol `image`: whole photographs, real files, 8-bit reconstructions.

Every photograph is coded into a .lic file and decoded from those bytes. PSNR (RGB) and MS-SSIM are those of the
decoded 8-bit picture, bpp is the whole file's; both are averaged over photographs, as for Kodak in the papers.
"""

import logging
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from compressai.models import CompressionModel
from rich.progress import track

from common.coding.codec_files import repeatable_convolutions, to_input, to_picture
from common.data.image_io import MOST_BITS, read_picture, write_picture
from common.data.naming import distinct_names, located
from common.entropy.rules import coding_by
from common.errors import LicError
from common.io import write_atomically, write_csv
from common.metrics.complexity import gmacs
from common.metrics.image import ms_ssim, psnr, rate
from common.metrics.own import Given, checked, described, means, measured
from common.results.points import Evaluation, aggregate, finite
from lic_image.data import Photographs
from lic_image.figures import attention_picture, bit_picture, refinement_picture
from lic_image.files import ImageFiles
from lic_image.watch import Seen, watching

log = logging.getLogger(__name__)

MAX_FIGURES = 4  # photographs on which a codec's blocks are shown at work: drawing takes half as long as coding


class ImageProtocol:
    """Evaluates a codec on the whole photographs of a DataModule's test set.

    Args:
        name: what results of this protocol are marked with; tables never mix two.
        keep_pictures: write reconstructions to `pictures/` and files to `streams/` of the run folder, where the bits
            went to `bits/`, and of the first photographs what the codec's blocks do to `attention/` and `refinement/`.
        metrics: measures beside PSNR and MS-SSIM, by name.
    """

    def __init__(self, name: str = "image", keep_pictures: bool = True, metrics: Given = None) -> None:
        self.name = name
        self.keep_pictures = keep_pictures
        self.metrics = checked(metrics)

    def __call__(self, codec: CompressionModel, model: str, data: Photographs, out: Path) -> Evaluation:
        """Means in CompressAI's units, a record a photograph; pictures, streams and images.csv under `out`."""
        sources = data.test_files()
        names = distinct_names(sources)
        files = ImageFiles(codec, model)
        files.decode(files.encode(np.zeros((1, 1, 3), np.uint8)))  # the coder compiles on first use: not to be timed
        records: list[dict[str, Any]] = []
        for source, name in track(list(zip(sources, names)), description=f"coding {len(sources)} photographs"):
            records.append(self.measure(files, source, name, out, len(records) < MAX_FIGURES))
        different = [record["file"] for record in records if not record.pop("identical")]
        if different:
            raise LicError(
                f"{len(different)} of {len(records)} photographs decode to other pixels than the forward pass gives "
                f"({', '.join(different[:3])}): the codec's compress/decompress do not match its forward."
            )
        write_csv(out / "images.csv", records)
        times = {key: [record.pop(key) for record in records] for key in ("encoding_time", "decoding_time")}
        timing = {key: sum(values) / len(values) for key, values in times.items()}
        details = {**described(self.metrics), "gmacs": gmacs(codec), "images": records}
        return Evaluation(aggregate(records) | means(self.metrics, records), details, timing)

    @torch.inference_mode()
    def measure(self, files: ImageFiles, source: Path, name: str, out: Path, figures: bool) -> dict[str, Any]:
        picture = read_picture(source, background="white")
        height, width = picture.rgb.shape[:2]
        started = time.perf_counter()
        stream = files.encode(picture.rgb, picture.grey)
        encoded = time.perf_counter()
        decoded = files.decode(stream).rgb
        finished = time.perf_counter()
        figures = figures and self.keep_pictures
        looking = watching(files.codec) if figures else nullcontext(Seen())
        with coding_by(files.rules), repeatable_convolutions(), looking as seen:
            forward = files.codec(to_input(picture.rgb, files.codec.downsampling, files.device))
        # Single precision sums and logarithms differ in the last place with where memory lies; a result must not.
        exact = {name: p.double() for name, p in forward["likelihoods"].items()}
        estimated = round(rate(exact, width * height).item(), 6)
        if self.keep_pictures:
            for kind in ("pictures", "bits", "streams"):
                (out / kind).mkdir(exist_ok=True)
            write_picture(out / "pictures" / f"{name}.png", decoded)
            bits, most = bit_picture(forward, height, width)
            write_picture(out / "bits" / f"{name}.png", bits, text={MOST_BITS: f"{most:.3g}"})
            write_atomically(out / "streams" / f"{name}.lic", stream)
            write_figures(seen, picture.rgb, forward["x_hat"].shape[-2:], name, out)
        x, x_hat = (torch.from_numpy(p.copy()).permute(2, 0, 1)[None] for p in (picture.rgb, decoded))
        return {
            "file": name,
            "source": str(located(source)),
            "width": width,
            "height": height,
            "bytes": len(stream),
            "bpp": 8 * len(stream) / (width * height),
            "bpp_estimated": estimated,
            "psnr": finite(psnr(x, x_hat).item()),  # None where nothing was lost
            "ms_ssim": finite(ms_ssim(x, x_hat).item()),  # None for small pictures
            **measured(self.metrics, picture.rgb, decoded),
            "encoding_time": encoded - started,
            "decoding_time": finished - encoded,
            "identical": bool((to_picture(forward["x_hat"], height, width) == decoded).all()),
        }


def write_figures(seen: Seen, rgb: np.ndarray, padded: tuple[int, int], name: str, out: Path) -> None:
    """Write attention/NAME.png and refinement/NAME.png where the codec has such blocks and they were watched."""
    figures = {
        "attention": attention_picture(seen, rgb, padded),
        "refinement": None if seen.refined is None else refinement_picture(seen.refined, rgb),
    }
    for kind, figure in figures.items():
        if figure is not None:
            (out / kind).mkdir(exist_ok=True)
            write_picture(out / kind / f"{name}.png", figure)
