"""What is found below folders of runs."""

import json
from pathlib import Path
from typing import Any

import pytest

from common.errors import LicError
from common.results.collect import collect

JPEG = {"bpp": [0.33, 0.22], "psnr-rgb": [26.6, 23.8]}


def write(path: Path, data: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def run(lmbda: float, bpp: float, psnr: float, **keys: Any) -> dict[str, Any]:
    head = {"name": f"swift {lmbda}", "protocol": "image", "dataset": "kodak 24 pictures 5f2c91ab"}
    results = {"bpp": [bpp], "psnr-rgb": [psnr], "ms-ssim-rgb": [None], "bpp_estimated": [bpp - 0.01]}
    return head | {"curve": "swift", "lmbda": lmbda, "results": results, "images": []} | keys


def test_collect_joins_points_of_a_sweep(tmp_path: Path) -> None:
    write(tmp_path / "b" / "result.json", run(0.05, 1.0, 35.0))
    write(tmp_path / "a" / "result.json", run(0.01, 0.5, 31.0))
    write(tmp_path / "a" / "timing.json", {"encoding_time": 0.1, "decoding_time": 0.2})
    write(tmp_path / "c" / "result.json", run(0.01, 0.4, 33.0, dataset="clic 41 pictures 00000000"))
    write(tmp_path / ".hidden" / "result.json", run(0.1, 2.0, 40.0))
    collection = collect([tmp_path, tmp_path / "a"])
    assert collection.failures == []
    swift, clic = collection.curves
    assert [(p.bpp, p.psnr, p.extra["lmbda"]) for p in swift.points] == [(0.5, 31.0, 0.01), (1.0, 35.0, 0.05)]
    assert swift.points[0].extra["encoding_time"] == 0.1
    assert "encoding_time" not in swift.points[1].extra
    assert clic.dataset == "clic 41 pictures 00000000"


def test_collect_lists_failures_with_reasons(tmp_path: Path) -> None:
    write(tmp_path / "nan" / "failed.json", {"reason": "loss is NaN at step 12"})
    write(tmp_path / "broken" / "result.json", "{")
    write(tmp_path / "retried" / "failed.json", {"reason": "interrupted"})
    write(tmp_path / "retried" / "result.json", run(0.01, 0.5, 31.0))
    collection = collect([tmp_path])
    assert len(collection.curves) == 1
    reasons = {failure.folder.name: failure.reason for failure in collection.failures}
    assert reasons.keys() == {"nan", "broken"}
    assert reasons["nan"] == "loss is NaN at step 12"
    assert "not JSON" in reasons["broken"]


def test_collect_finds_baselines(tmp_path: Path) -> None:
    write(tmp_path / "jpeg.baseline.json", {"results": JPEG, "kind": "baseline", "protocol": "image", "dataset": "x"})
    (curve,) = collect([tmp_path]).curves
    assert (curve.kind, curve.protocol) == ("baseline", "image")


def test_collect_refuses_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(LicError, match="does not exist"):
        collect([tmp_path / "none"])
