import json
import math
import os
from pathlib import Path

import pytest

from common.errors import LicError
from common.io import read_json, write_csv, write_json
from common.results.points import aggregate, cost, decibel, finite, results, sequence_record


def test_aggregate_averages_per_image_values() -> None:
    images = [
        {"file": "a.png", "bytes": 100, "bpp": 1.0, "bpp_estimated": 0.9, "psnr": 30.0, "ms_ssim": 0.9},
        {"file": "b.png", "bytes": 900, "bpp": 2.0, "bpp_estimated": 1.9, "psnr": 40.0, "ms_ssim": 0.8},
    ]
    means = aggregate(images)
    assert means == pytest.approx({"bpp": 1.5, "bpp_estimated": 1.4, "psnr-rgb": 35.0, "ms-ssim-rgb": 0.85})


def test_undefined_ms_ssim_is_left_out_of_the_mean() -> None:
    assert aggregate([{"ms_ssim": math.nan}, {"ms_ssim": None}, {"ms_ssim": 0.75}]) == {"ms-ssim-rgb": 0.75}
    assert aggregate([{"ms_ssim": math.nan}]) == {"ms-ssim-rgb": None}


def test_an_image_without_error_makes_the_mean_psnr_infinite() -> None:
    means = aggregate([{"bpp": 8.0, "psnr": math.inf}, {"bpp": 1.0, "psnr": 30.0}])
    assert means == {"bpp": 4.5, "psnr-rgb": None}


def test_results_transposes_rows() -> None:
    assert results([{"bpp": 1.0}, {"bpp": 2.0, "q": 3.0}]) == {"bpp": [1.0, 2.0], "q": [None, 3.0]}


def test_numbers_for_json() -> None:
    assert [finite(v) for v in (1, math.inf, math.nan, None)] == [1.0, None, None, None]
    assert decibel(0.99) == pytest.approx(20)
    assert decibel(1.0) == math.inf


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "result.json"
    write_json(path, {"bpp": 1})
    with pytest.raises(ValueError):
        write_json(path, {"bpp": math.nan})
    assert json.loads(path.read_text()) == {"bpp": 1}
    assert [p.name for p in path.parent.iterdir()] == ["result.json"]


def test_a_clip_is_the_mean_of_its_frames() -> None:
    frames = [{"bits": 300, "psnr": 30.0, "ms_ssim": 0.9}, {"bits": 100, "psnr": 32.0, "ms_ssim": 0.94}]
    record = sequence_record(10, 8, frames)
    assert record.pop("ms_ssim") == pytest.approx(0.92)
    assert record == {"width": 10, "height": 8, "frames": 2, "bytes": 50, "bpp": 2.5, "psnr": 31.0}
    small = sequence_record(10, 8, [{**frame, "ms_ssim": math.nan} for frame in frames])
    assert small["ms_ssim"] is None and small["psnr"] == 31.0


def test_the_cost_of_clips_is_in_the_units_of_video() -> None:
    result = {"lmbda": 256.0, "sequences": [{"bpp": 0.5, "psnr": 20.0}, {"bpp": 0.3, "psnr": 30.0}]}
    assert cost(result, "mse") == pytest.approx(((0.5 + 2.56) + (0.3 + 0.256)) / 2)
    assert cost({"lmbda": None}, "") is None, "a flow network's result"


def test_names_that_are_not_utf_8_are_written_and_found_again(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    (tmp_path / name).touch()
    write_json(tmp_path / "a.json", {"source": str(tmp_path / name)})
    assert Path(read_json(tmp_path / "a.json")["source"]).exists()
    write_csv(tmp_path / "a.csv", [{"source": name}])
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == "source\ncaf\\udce9.png\n"
    assert str(LicError(f"{name} is damaged")) == "caf\\udce9.png is damaged"
