"""Protocol `image`: whole photographs, real files, 8-bit reconstructions.

Every photograph is coded into a .lic file and decoded from those bytes. PSNR (RGB) and MS-SSIM are those of the
decoded 8-bit picture, bpp is the whole file's; both are averaged over photographs, as for Kodak in the papers.

Protocol `image_levels` does the same at every operating point of a codec of many rates: one run gives a curve, which
shares tables with the points of protocol `image`.
"""

import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from compressai.models import CompressionModel
from rich.progress import track

from common.capabilities import Adjustable, CodesInLevels
from common.coding.codec_files import to_picture
from common.data.image_io import MOST_BITS, read_picture, write_picture
from common.data.naming import distinct_names, located, picture_name
from common.errors import LicError
from common.io import write_atomically, write_csv
from common.metrics.complexity import gmacs
from common.metrics.image import ms_ssim, psnr, rate
from common.metrics.own import Given, OwnMetrics, checked, described, means, measured
from common.metrics.regions import IN_RESULTS, psnr_inside_and_outside
from common.results.points import Evaluation, aggregate, finite
from lic_image.codecs.classical import programs
from lic_image.data import Photographs
from lic_image.distortions.contract import Distortion
from lic_image.figures import attention_picture, bit_picture, refinement_picture
from lic_image.files import ImageFiles
from lic_image.labelled import LabelledPhotographs
from lic_image.operating_points import Coded, operating_points
from lic_image.task_figures import answer, measures, retrieval
from lic_image.tasks import task_of
from lic_image.watch import Seen

log = logging.getLogger(__name__)

MAX_FIGURES = 4  # photographs on which a codec's blocks are shown at work: drawing takes half as long as coding


class ImageProtocol:
    """Evaluates a codec on the whole photographs of a DataModule's test set.

    Args:
        name: what results of this protocol are marked with; tables never mix two.
        keep_pictures: write reconstructions to `pictures/` and files to `streams/` of the run folder, where the bits
            went to `bits/`, and of the first photographs what the codec's blocks do to `attention/` and `refinement/`.
        metrics: measures beside PSNR and MS-SSIM, by name.
        distortion: what training minimised, to be measured on the 8-bit pictures, where PSNR or MS-SSIM do not tell it.
        levels: measure at every operating point of the codec.
    """

    def __init__(
        self,
        name: str = "image",
        keep_pictures: bool = True,
        metrics: Given = None,
        distortion: Distortion | None = None,
        levels: bool = False,
    ) -> None:
        self.name = name
        self.distortion = distortion
        self.levels = levels
        self.keep_pictures = keep_pictures
        self.metrics = checked(metrics)

    def __call__(self, codec: CompressionModel, model: str, data: Photographs, out: Path) -> Evaluation:
        """Means in CompressAI's units, a record a photograph; pictures, streams and images.csv under `out`."""
        sources = data.test_files()
        names = distinct_names(sources)
        files, task = ImageFiles(codec, model), task_of(codec)
        self.check_codec(codec, model)
        if isinstance(data, LabelledPhotographs):
            data.check_classes(codec)
        files.decode(files.encode(np.zeros((1, 1, 3), np.uint8)))  # the coder compiles on first use: not to be timed
        records: list[dict[str, Any]] = []
        for number, (source, name) in enumerate(
            track(list(zip(sources, names)), description=f"coding {len(sources)} photographs")
        ):
            records += self.measure(files, source, name, data, out, number < MAX_FIGURES)
        different = [picture_name(record) for record in records if not record.pop("identical")]
        if different:
            raise LicError(
                f"{len(different)} of {len(records)} photographs decode to other pixels than the forward pass gives "
                f"({', '.join(different[:3])}): the codec's compress/decompress do not match its forward."
            )
        qualities = dict.fromkeys(record.get("quality") for record in records)
        by_quality = [[record for record in records if record.get("quality") == q] for q in qualities]
        for each in by_quality:
            retrieval(each)
        write_csv(out / "images.csv", records)
        times = {key: [record.pop(key) for record in records] for key in ("encoding_time", "decoding_time")}
        timing = {key: sum(values) / len(values) for key, values in times.items()}
        labelled = isinstance(data, LabelledPhotographs)
        own = {**self.metrics, **(IN_RESULTS if data.roi else {}), **measures(task, labelled)}
        points = [point(each, own, quality) for each, quality in zip(by_quality, qualities)]
        details = {**described(own), "gmacs": gmacs(codec), **programs(codec), "images": records}
        return Evaluation(points, details, timing)

    def check_codec(self, codec: CompressionModel, model: str) -> None:
        """Raises `LicError` where the codec has one rate and several are to be measured."""
        if self.levels and not isinstance(codec, (Adjustable, CodesInLevels)):
            raise LicError(
                f"protocol=image_levels is for codecs of many rates, and '{model}' has one: take protocol=image."
            )

    @torch.inference_mode()
    def measure(
        self, files: ImageFiles, source: Path, name: str, data: Photographs, out: Path, figures: bool
    ) -> list[dict[str, Any]]:
        """The records of a photograph, one for each operating point that is measured."""
        picture = read_picture(source, background="white")
        figures, region = figures and self.keep_pictures, data.region(source, picture.rgb)
        found = []
        for coded in operating_points(files, picture.rgb, picture.grey, self.levels, figures):
            started = time.perf_counter()
            decoded = files.decode(coded.stream).rgb
            finished = time.perf_counter()
            said = answer(task_of(files.codec), data.label(source))  # before the forward pass of the next point
            record = {
                "file": name,
                "source": str(located(source)),
                **({} if coded.quality is None else {"quality": coded.quality}),
                **({} if coded.lmbda is None else {"lmbda": coded.lmbda}),
                **self.judged(coded, picture.rgb, decoded, region),
                **said,
                "encoding_time": coded.seconds,
                "decoding_time": finished - started,
            }
            if self.keep_pictures:
                write_pictures(coded, decoded, picture_name(record), out)
                write_figures(coded.seen, picture.rgb, coded.forward["x_hat"].shape[-2:], picture_name(record), out)
            found.append(record)
        return found

    def judged(self, coded: Coded, rgb: np.ndarray, decoded: np.ndarray, region: np.ndarray | None) -> dict[str, Any]:
        height, width = rgb.shape[:2]
        # Single precision sums and logarithms differ in the last place with where memory lies; a result must not.
        exact = {name: p.double() for name, p in coded.forward["likelihoods"].items()}
        x, x_hat = (torch.from_numpy(p.copy()).permute(2, 0, 1)[None] for p in (rgb, decoded))
        return {
            "width": width,
            "height": height,
            "bytes": len(coded.stream),
            "bpp": 8 * len(coded.stream) / (width * height),
            "bpp_estimated": round(rate(exact, width * height).item(), 6),
            "psnr": finite(psnr(x, x_hat).item()),  # None where nothing was lost
            "ms_ssim": finite(ms_ssim(x, x_hat).item()),  # None for small pictures
            **({} if self.distortion is None else {"distortion": self._distorted(x_hat, x, region)}),
            **measured(self.metrics, rgb, decoded),
            **({} if region is None else _inside_and_outside(rgb, decoded, region)),
            "identical": bool((to_picture(coded.forward["x_hat"], height, width) == decoded).all()),
        }

    def _distorted(self, x_hat: torch.Tensor, x: torch.Tensor, region: np.ndarray | None) -> float | None:
        assert self.distortion is not None
        if min(x.shape[-2:]) < self.distortion.least_side:
            return None
        context = {} if region is None else {"roi": torch.from_numpy(region.copy())[None, None] / 255}
        return finite(self.distortion(x_hat.float() / 255, x.float() / 255, context).item())


def point(records: list[dict[str, Any]], metrics: OwnMetrics, quality: float | None) -> dict[str, float | None]:
    """Means over photographs, of one operating point."""
    said = {} if quality is None else {"quality": quality}
    return aggregate(records) | means(metrics, records) | said


def _inside_and_outside(rgb: np.ndarray, decoded: np.ndarray, region: np.ndarray) -> dict[str, float | None]:
    return {name: finite(value) for name, value in zip(IN_RESULTS, psnr_inside_and_outside(rgb, decoded, region))}


def write_pictures(coded: Coded, decoded: np.ndarray, name: str, out: Path) -> None:
    """Write pictures/NAME.png, bits/NAME.png and streams/NAME.lic."""
    for kind in ("pictures", "bits", "streams"):
        (out / kind).mkdir(exist_ok=True)
    write_picture(out / "pictures" / f"{name}.png", decoded)
    bits, most = bit_picture(coded.forward, *decoded.shape[:2])
    write_picture(out / "bits" / f"{name}.png", bits, text={MOST_BITS: f"{most:.3g}"})
    write_atomically(out / "streams" / f"{name}.lic", coded.stream)


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
