"""What a search is judged by."""

from pathlib import Path

import pytest

from common.errors import LicError
from common.io import write_json
from common.sweep.objective import curve, objective, value


def finished(folder: Path, bpp: float, psnr: float, name: str = "net") -> Path:
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("distortion: mse\n")
    content = {
        "name": name, "curve": name, "protocol": "image", "dataset": "d", "lmbda": 0.01,
        "results": {"bpp": [bpp], "psnr-rgb": [psnr]}, "images": [{"bpp": bpp, "psnr": psnr, "ms_ssim": None}],
    }  # fmt: skip
    write_json(folder / "result.json", content)
    return folder


def test_values_of_a_point(tmp_path: Path) -> None:
    folder = finished(tmp_path / "a", 0.5, 30.0)
    assert value(folder, "psnr-rgb") == 30.0
    assert value(folder, "cost") == pytest.approx(0.5 + 0.01 * 65.025)
    assert value(tmp_path / "none", "cost") is None, "not finished"
    with pytest.raises(LicError, match="no 'epe'"):
        value(folder, "epe")


def test_the_cost_is_not_of_flow_networks(tmp_path: Path) -> None:
    folder = finished(tmp_path / "a", 0.5, 30.0)
    write_json(folder / "result.json", {"lmbda": None, "results": {"epe": [2.0]}})
    assert objective("epe", None, 0)([folder]) == 2.0
    with pytest.raises(LicError, match=r"hydra\.sweeper\.objective=epe"):
        objective("cost", None, 0)([folder])


def test_a_curve_is_judged_when_all_its_points_are_there(tmp_path: Path) -> None:
    for number, psnr in enumerate((28.0, 31.0, 34.0)):
        finished(tmp_path / f"anchor/{number}", 0.2 * 2**number, psnr)
        finished(tmp_path / f"trial/{number}", 0.1 * 2**number, psnr)
    judge = objective("bd_rate", str(tmp_path / "anchor"), 3)
    folders = sorted((tmp_path / "trial").iterdir())
    assert judge(folders) == pytest.approx(-50, abs=0.01)
    assert judge([*folders[:2], tmp_path / "none"]) is None


def test_a_reference_is_one_curve(tmp_path: Path) -> None:
    finished(tmp_path / "a", 0.5, 30.0, "one")
    assert curve(tmp_path).name == "one"
    finished(tmp_path / "b", 0.5, 30.0, "other")
    with pytest.raises(LicError, match="holds 2 curves"):
        curve(tmp_path)
