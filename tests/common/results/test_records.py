"""Results as dictionaries, and as a table."""

import json
import sys
from pathlib import Path

import pytest

from common.errors import LicError
from common.results.records import dataframe, records


def test_codecs_and_flow_networks_below_one_folder(tmp_path: Path) -> None:
    image = {"protocol": "image", "dataset": "d", "curve": "swift", "lmbda": 0.01, "seed": 3}
    flow = {"protocol": "flow", "dataset": "e", "curve": "net", "seed": 1, "parameters": 7}
    jpeg = {"kind": "baseline", "name": "JPEG", "results": {"bpp": [2.0, 1.0], "psnr-rgb": [35, 30], "quality": [9, 5]}}
    files = {
        "a/result.json": image | {"results": {"bpp": [0.5], "psnr-rgb": [31.0]}},
        "b/result.json": flow | {"results": {"sintel/epe": [1.5], "sintel/s40+": [None]}},
        "jpeg.baseline.json": jpeg,
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(content))
    swift, low, high, net = records(tmp_path)
    assert (swift["kind"], swift["bpp"], swift["psnr"], swift["ms_ssim"], swift["seed"]) == ("run", 0.5, 31.0, None, 3)
    assert [(each["curve"], each["bpp"], each["quality"]) for each in (low, high)] == [
        ("JPEG", 1.0, 5),
        ("JPEG", 2.0, 9),
    ]
    assert (net["sintel/epe"], net["sintel/s40+"], net["parameters"]) == (1.5, None, 7)
    assert net["source"] == str(tmp_path / "b/result.json")


def test_a_table_needs_pandas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(LicError, match="pip install pandas"):
        dataframe(tmp_path)
