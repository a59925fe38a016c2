"""What evaluations of video codecs leave: run folders, and files of classical codecs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from common.io import write_json
from common.results.points import aggregate, results

DATASET = "clips 2 sequences 0a1b2c3d"
Figures = Mapping[str, tuple[float, float]]  # clip -> bpp, PSNR


def video_run(folder: Path, lmbda: float, figures: Figures, name: str = "dvc_tiny", **changed: Any) -> Path:
    """A finished run, which has drawn frames 6 and 18 of every clip."""
    predictions = {"psnr_copied": 20.0, "psnr_warped": 25.0, "psnr_predicted": None}
    records = [{**record, **predictions} for record in _records(figures)]
    head = {"name": name, "results": {key: [value] for key, value in aggregate(records).items()}}
    head |= {
        "protocol": "dvc_gop",
        "dataset": DATASET,
        "curve": name,
        "lmbda": lmbda,
        "seed": 0,
        "parameters": 1_234_000,
    }
    conditions = {"protocol": "dvc_gop", "gop": 12, "frames": 100, "crop": 64, "conversion": "ffmpeg_default"}
    write_json(folder / "result.json", head | {"conditions": conditions, "sequences": records} | changed)
    (folder / "frames").mkdir()
    for number, clip in enumerate(figures):
        for frame in (6, 18):
            Image.new("RGB", (60, 20), (250, 10 * number, frame)).save(folder / "frames" / f"{clip}_{frame:04d}.png")
    return folder


def clip_baseline(path: Path, title: str, points: Sequence[Figures], **changed: Any) -> Path:
    """A classical codec's file; its points are of quality 27, 26, …."""
    qualities = range(27, 27 - len(points), -1)
    rows = [{"quality": quality, **aggregate(_records(figures))} for quality, figures in zip(qualities, points)]
    records = [
        {"quality": quality, **record} for quality, figures in zip(qualities, points) for record in _records(figures)
    ]
    head = {"name": title, "kind": "baseline", "protocol": "dvc_gop", "dataset": DATASET}
    write_json(path, head | {"results": results(rows), "sequences": records} | changed)
    return path


def _records(figures: Figures) -> list[dict[str, Any]]:
    return [
        {"sequence": clip, "frames": 24, "bpp": bpp, "psnr": psnr, "ms_ssim": 0.9}
        for clip, (bpp, psnr) in figures.items()
    ]
