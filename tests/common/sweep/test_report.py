"""The end of a sweep."""

from pathlib import Path

from omegaconf import OmegaConf
from support.score_runs import score_run

from common.sweep.report import sweep_report


def test_a_sweep_of_runs_without_a_rate_ends_in_their_table(tmp_path: Path) -> None:
    folders = [score_run(tmp_path / name, {"stereo/epe": epe}, name) for name, epe in (("a", 2.0), ("b", 1.0))]
    config = OmegaConf.create({"name": "pyramids", "runs": str(tmp_path), "report": {"published": []}})
    report = sweep_report(folders, tmp_path / "report", config)
    assert report.title == "pyramids" and not (tmp_path / "baselines").exists()
    assert [row[0] for row in report.sections[0].tables[0].rows] == ["b", "a"]
