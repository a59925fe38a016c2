"""From a sweep over a video codec to its report and tracker, and the trained codec measured again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.tracked import tracked_runs

Lic = Callable[..., int]


def content(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def test_a_sweep_ends_beside_x264_and_a_run_is_measured_by_other_rows(
    lic: Lic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "home" / name))
    command = ["model=video/dvc", "debug=step", "protocol.gop=2", "report.baselines=[x264]", "logger=wandb"]
    small = ["flow.iterations=[1,1]", "data.sets.procedural.frames=3", "data.sets.procedural.size=[128,128]"]
    assert lic("train", "-m", *command, *small, "lmbda=256") == 0
    (run,) = (file.parent for file in tmp_path.glob("runs/debug/*/result.json"))
    result = content(run / "result.json")
    assert sum(result["parts"].values()) == result["parameters"] and result["parts"]["motion_codec"] > 0

    (report,) = tmp_path.glob("runs/debug/report-*/report.json")
    (group,) = content(report)["groups"]
    assert (group["protocol"], group["dataset"]) == ("dvc_gop", result["dataset"])
    assert [(curve["name"], curve["kind"], len(curve["results"]["bpp"])) for curve in group["curves"]] == [
        (result["curve"], "run", 1), ("H.264 (x264) gop=2", "baseline", 4),
    ]  # fmt: skip
    (kept,) = tmp_path.glob("runs/baselines/*/*.json")
    assert kept.name == "x264.dvc_gop+gop-2.baseline.json" and content(kept)["conditions"] == result["conditions"]
    (sheet,) = report.parent.glob("frames-1-*.png")
    assert sheet.name == "frames-1-scene_0_0001.png"
    assert "Sequence by sequence" in report.with_name("report.md").read_text()

    point, summary = tracked_runs(tmp_path, 2)
    assert point.summary["test/psnr-rgb"] == result["results"]["psnr-rgb"][0]
    (row,) = stored(point.folder, point.summary["sequences"])
    assert row == result["sequences"][0] and row["psnr_copied"] > 10
    panel = point.summary["frames/scene_0_0001"]
    assert (point.folder / "files" / panel["path"]).read_bytes() == (run / "frames/scene_0_0001.png").read_bytes()
    rows = stored(summary.folder, summary.summary["sequences"])
    assert [row["sequence"] for row in rows] == ["scene_0", "", "", "", ""] and rows[1]["curve"] == "H.264 (x264) gop=2"
    assert summary.summary["frames-1-scene_0_0001"]["_type"] == "image-file"

    assert lic("eval", "ablation=ofmc_gop", "ablation/ofmc_gop=bi_13", f"run='{run}'") == 0
    (again,) = tmp_path.glob("runs/ofmc_gop/*/result.json")
    measured = content(again)
    assert measured["conditions"] == {**result["conditions"], "gop": 13} and measured["dataset"] == result["dataset"]
    assert measured["gop"] == {"size": 13, "structure": "bi"} and measured["row"] == "bi_13"
    assert measured["name"].startswith("dvc_tiny "), "the size is the run's"


def stored(folder: Path, table: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a table of W&B."""
    found = content(folder / "files" / table["path"])
    return [dict(zip(found["columns"], row)) for row in found["data"]]
