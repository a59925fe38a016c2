"""Curves with a record of every picture, as evaluations of image codecs leave them, without any picture."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.io import write_json
from common.results.curves import Curve, load
from common.results.points import aggregate, results

SETTINGS = [(0.25, 28.0), (0.5, 31.0), (1.0, 34.0), (2.0, 37.0)]  # bpp and PSNR of a picture of factor 1


def records(factors: Sequence[float], bpp: float, psnr: float) -> list[dict[str, Any]]:
    """A picture for each factor: it takes so many times `bpp`, and is the better the fewer bits it needs."""
    qualities = [psnr + 2 * (n % 5) for n in range(len(factors))]
    return [
        {"file": f"kodim{n:02}", "bpp": factor * (1 + n % 3) * bpp, "psnr": q, "ms_ssim": 1 - 10 ** (-q / 20)}
        for n, (factor, q) in enumerate(zip(factors, qualities))
    ]


def baseline(
    folder: Path, name: str, factors: Sequence[float], settings: Sequence[tuple[float, float]] = SETTINGS
) -> Curve:
    """A classical codec's file and curve; its points are of quality 0, 1, …."""
    images = [
        {"quality": quality, **record}
        for quality, (bpp, psnr) in enumerate(settings)
        for record in records(factors, bpp, psnr)
    ]
    rows = [
        {"quality": quality, **aggregate([image for image in images if image["quality"] == quality])}
        for quality in range(len(settings))
    ]
    head = {"name": name, "kind": "baseline", "protocol": "image", "dataset": "made 24 pictures 0123abcd"}
    path = folder / f"{name}.baseline.json"
    write_json(path, head | {"results": results(rows), "images": images})
    return load(path)


def runs(folder: Path, name: str, factors: Sequence[float], seed: int = 0, **changed: Any) -> Curve:
    """The runs of one seed and their curve, a point for each of `SETTINGS`."""
    points = []
    for lmbda, (bpp, psnr) in enumerate(SETTINGS, 1):
        images = records(factors, bpp, psnr)
        head = {"name": name, "protocol": "image", "dataset": "made 24 pictures 0123abcd", "curve": name}
        path = folder / f"{name}-{lmbda}-{seed}" / "result.json"
        point = {"lmbda": lmbda, "seed": seed, "results": results([aggregate(images)]), "images": images}
        write_json(path, head | point | changed)
        points += load(path).points
    return replace(load(path), points=tuple(points))
