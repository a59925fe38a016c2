"""A classical codec's rate-distortion curve on a set of pictures, by the protocol of the learned ones.

Whole files, 8-bit RGB, PSNR and MS-SSIM per image, then averaged. Several pictures are worked on at once,
each in one thread: encode and decode seconds are wall-clock under that load (one worker measures them undisturbed).
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from common.baselines.codecs import Codec
from common.baselines.records import holds, made_by, point, side_by_side
from common.cpus import granted
from common.data.image_io import read_picture
from common.data.naming import distinct_names, recorded_name
from common.errors import LicError
from common.io import read_json, write_json
from common.metrics.image import ms_ssim, psnr
from common.metrics.own import Given, OwnMetrics, checked, described, measured
from common.results.points import finite, results

PROTOCOL = "image"


def measure(
    codec: Codec,
    pictures: Sequence[Path],
    dataset: str,
    qualities: Sequence[int] | None = None,
    workers: int | None = None,
    step: Callable[[], None] = lambda: None,
    metrics: Given = None,
) -> dict[str, Any]:
    """Encode and decode every picture at every quality.

    Args:
        codec: one of `available().codecs`.
        pictures: files that `read_picture` reads.
        dataset: identity of the pictures (`common.data.identity.dataset_identity`).
        qualities: the codec's own by default.
        workers: pictures at a time; one per processor by default.
        step: called after each picture and quality, from any thread.
        metrics: measures beside PSNR and MS-SSIM, by name.

    Returns:
        CompressAI's layout with "kind", "protocol", "dataset", "encoder", "version", "command", "quality" per point,
        and in "images" one record for each picture and quality, with the SHA-256 of its file.

    Raises:
        LicError: there are no pictures, one cannot be read, or the codec refuses one.
    """
    if not pictures:
        raise LicError("There are no pictures to measure on.")
    chosen, own = list(qualities or codec.qualities), checked(metrics)

    def one(job: tuple[Path, str]) -> list[dict[str, Any]]:
        path, name = job
        rgb = read_picture(path, background="white").rgb  # as the protocol does
        records = []
        for quality in chosen:
            records.append({"quality": quality, "file": name, **_record(codec, path, rgb, quality, own)})
            step()
        return records

    jobs = list(zip(pictures, distinct_names(pictures)))
    images = [record for records in side_by_side(one, jobs, workers or granted()) for record in records]
    return {
        **_head(codec, dataset),
        **made_by(codec.encoder, codec.version, codec.command),
        **described(own),
        "results": results([point(images, quality, own) for quality in chosen]),
        "images": images,
    }


def bench(
    codec: Codec,
    pictures: Sequence[Path],
    dataset: str,
    out: Path,
    qualities: Sequence[int] | None = None,
    workers: int | None = None,
    step: Callable[[], None] = lambda: None,
    metrics: Given = None,
) -> Path:
    """`measure` into `out/NAME.baseline.json`, unless that file already holds this measurement."""
    path = out / f"{codec.name}.baseline.json"
    if not is_current(path, codec, pictures, dataset, qualities, metrics):
        write_json(path, measure(codec, pictures, dataset, qualities, workers, step, metrics))
    return path


def is_current(
    path: Path,
    codec: Codec,
    pictures: Sequence[Path],
    dataset: str,
    qualities: Sequence[int] | None = None,
    metrics: Given = None,
) -> bool:
    """Whether `path` holds this codec, in this version, on these pictures, by their names, at these qualities, and
    these metrics."""
    if not holds(path, _head(codec, dataset), qualities or codec.qualities, checked(metrics)):
        return False
    names = {recorded_name(str(image["file"])) for image in read_json(path)["images"]}
    return names == set(distinct_names(pictures))


def _head(codec: Codec, dataset: str) -> dict[str, Any]:
    return {
        "name": codec.title,
        "description": f"{codec.settings}. {codec.version}",
        "kind": "baseline",
        "protocol": PROTOCOL,
        "dataset": dataset,
    }


def _record(codec: Codec, path: Path, rgb: np.ndarray, quality: int, metrics: OwnMetrics) -> dict[str, Any]:
    start = perf_counter()
    try:
        data = codec.encode(rgb, quality)
        encoded = perf_counter()
        decoded = codec.decode(data)
    except (LicError, OSError, ValueError) as error:  # Pillow's and PyAV's errors are of these kinds
        raise LicError(f"{codec.title} cannot code {path} at quality {quality}: {error}") from error
    end = perf_counter()
    height, width = rgb.shape[:2]
    x, x_hat = (torch.tensor(a).permute(2, 0, 1).unsqueeze(0) for a in (rgb, decoded))
    return {
        "width": width,
        "height": height,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "bpp": 8 * len(data) / (height * width),
        "psnr": finite(psnr(x, x_hat).item()),
        "ms_ssim": finite(ms_ssim(x, x_hat).item()),
        **measured(metrics, rgb, decoded),
        "encoding_time": encoded - start,
        "decoding_time": end - encoded,
    }
