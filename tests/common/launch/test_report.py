"""The end of a sweep: on which photographs classical codecs are measured, and when they are not."""

import io
from pathlib import Path

from omegaconf import OmegaConf
from rich.console import Console
from support.score_runs import score_run

from common.launch.report import evaluated_sets, measure_baselines, sweep_report
from common.rd.points import write_json


def image_run(folder: Path, *sources: Path) -> Path:
    write_json(folder / "result.json", {"dataset": "two", "images": [{"source": str(source)} for source in sources]})
    return folder


def test_photographs_that_runs_were_measured_on(tmp_path: Path, photographs: Path) -> None:
    files = [photographs / "one.png", photographs / "two.png"]
    flow = score_run(tmp_path / "flow", {"stereo/epe": 1.0})
    assert evaluated_sets([image_run(tmp_path / "a", *files), flow, tmp_path / "unfinished"]) == {"two": files}
    assert evaluated_sets([image_run(tmp_path / "b", tmp_path / "moved.png"), flow]) == {}


def test_no_codec_is_measured_or_missed_where_there_are_no_photographs(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), record=True)
    flow = score_run(tmp_path / "flow", {"stereo/epe": 1.0})
    assert measure_baselines([flow], ["jpeg", "unheard"], tmp_path / "baselines", console) == []
    assert console.export_text() == "" and not (tmp_path / "baselines").exists()


def test_a_sweep_of_runs_without_a_rate_ends_in_their_table(tmp_path: Path) -> None:
    folders = [score_run(tmp_path / name, {"stereo/epe": epe}, name) for name, epe in (("a", 2.0), ("b", 1.0))]
    config = OmegaConf.create({"name": "pyramids", "runs": str(tmp_path), "report": {"baselines": ["jpeg"]}})
    config.report.published = []
    report = sweep_report(folders, tmp_path / "report", config)
    assert report.title == "pyramids"
    assert [row[0] for row in report.sections[0].tables[0].rows] == ["b", "a"]
