"""A sweep as image runs leave it, without any training: many curves, photographs, bit maps, training curves."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from common.data.image_io import MOST_BITS, write_picture
from common.io import write_json
from common.results.points import aggregate, results

DATASET = "made 24 pictures 0123abcd"


def write_originals(folder: Path, count: int, size: tuple[int, int]) -> list[Path]:
    """`count` pictures of (width, height) `size` that compress about as badly as photographs do: `kodim01.png`, …."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    x, y = np.meshgrid(np.linspace(0, 6, size[0]), np.linspace(0, 4, size[1]))
    paths = []
    for number in range(1, count + 1):
        waves = [np.sin(x * rng.uniform(0.5, 9) + y * rng.uniform(0.5, 9) + rng.uniform(0, 6)) for _ in range(3)]
        texture = rng.normal(0, 9, (size[1], size[0], 1)) * (np.stack(waves[::-1], 2) > -0.3)
        rgb = np.clip(128 + 90 * np.stack(waves, 2) + texture, 0, 255).astype(np.uint8)
        paths.append(_save(rgb, folder / f"kodim{number:02}.png"))
    return paths


def write_sweep(folder: Path, originals: list[Path], names: list[str], lmbdas: list[float], steps: int = 40) -> None:
    """A run for each of `names` and `lmbdas`: the n-th name takes n/20 more bits than the first.

    All runs have the same reconstructions, which are darker by half, and the same bit maps, red ones: as links.
    """
    kept = folder / ".kept"
    (kept / "bits").mkdir(parents=True, exist_ok=True)
    for original in originals:
        with Image.open(original) as image:
            _save(np.asarray(image) // 2, kept / "pictures" / original.name)
            red = np.zeros((image.height, image.width, 3), np.uint8)
        red[..., 0] = 250
        write_picture(kept / "bits" / original.name, red, text={MOST_BITS: "6"})
    for n, name in enumerate(names):
        for lmbda in lmbdas:
            write_run(folder / name.split()[0] / f"lmbda-{lmbda}", originals, kept, name, lmbda, 1 + n / 20, steps)


def write_run(
    run: Path, originals: list[Path], kept: Path, name: str, lmbda: float, rate: float, steps: int, seed: int = 0
) -> None:
    """One finished run with `rate` times the bits of the cheapest codec."""
    for kind in ("pictures", "bits"):
        (run / kind).mkdir(parents=True)
        for original in originals:
            os.link(kept / kind / original.name, run / kind / original.name)
    images = []
    for number, original in enumerate(originals):
        bpp = rate * (lmbda / 0.01) ** 0.6 * (0.4 + 0.02 * number)
        record = {"file": original.stem, "source": str(original), "bpp": bpp, "bpp_estimated": bpp}
        images.append(record | {"psnr": 32 + 6 * np.log10(lmbda / 0.01), "ms_ssim": 1 - 0.02 * (0.01 / lmbda) ** 0.6})
    head = {"name": name, "protocol": "image", "dataset": DATASET, "curve": name, "system": name.split()[0]}
    head |= {"lmbda": lmbda, "seed": seed, "parameters": 1_000_000}
    write_json(run / "result.json", head | {"results": results([aggregate(images)]), "images": images})
    write_json(run / "timing.json", {"encoding_time": 0.01, "decoding_time": 0.02})
    (run / "config.yaml").write_text(yaml.safe_dump(_config(name, lmbda, seed, steps, run), sort_keys=False))
    falling = [f"{50 * k},{1 + lmbda + 1 / (k + 1)},{0.5 + 1 / (k + 1)}," for k in range(1, steps + 1)]
    falling += [f"{50 * steps},,,{1.25 + lmbda}", f"{50 * steps + 1},,,{1 + lmbda}"]
    (run / "metrics.csv").write_text("\n".join(["step,train/loss,train/bpp,val/loss", *falling]) + "\n")


def _config(name: str, lmbda: float, seed: int, steps: int, run: Path) -> dict[str, Any]:
    layer = {"_target_": "lic.Layer", "width": 96, "heads": 8, "shift": True, "slices": [3, 9, 27], "gain": None}
    codec = {"_target_": f"lic.{name.split()[0]}", "M": 96, "N": 48, **{f"stage{i}": dict(layer) for i in range(8)}}
    return {
        "name": "sweep",
        "runs": "runs",
        "system": name.split()[0],
        "label": name,
        "overrides": [f"lmbda={lmbda}"],
        "seed": seed,
        "model": {"codec": codec, "lmbda": lmbda, "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.0001}},
        "distortion": "mse",
        "lmbda": lmbda,
        "trainer": {"max_steps": 50 * steps, "precision": "32-true"},
        "logger": {"save_dir": str(run)},
    }


def _save(rgb: np.ndarray, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgb).save(path, compress_level=1)
    return path
