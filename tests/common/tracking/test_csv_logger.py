"""metrics.csv over several attempts at the same run."""

import csv
from pathlib import Path

from common.tracking.csv_logger import ResumableCSVLogger


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_resumed_run_keeps_what_it_had_and_makes_its_last_steps_again(tmp_path: Path) -> None:
    first = ResumableCSVLogger(tmp_path)
    for step in range(5):
        first.log_metrics({"loss": float(step), "epoch": 0}, step)
    second = ResumableCSVLogger(tmp_path)
    second.log_metrics({"loss": 30.0}, 3)
    second.log_metrics({"val": 0.5}, 3)
    second.finalize("success")
    assert [row["step"] for row in rows(tmp_path)] == ["0", "1", "2", "3", "3"]
    assert [row["loss"] for row in rows(tmp_path)] == ["0.0", "1.0", "2.0", "30.0", ""]
    assert rows(tmp_path)[4]["val"] == "0.5" and "epoch" not in rows(tmp_path)[0]


def test_nothing_is_written_where_nothing_was_logged(tmp_path: Path) -> None:
    ResumableCSVLogger(tmp_path).finalize("success")
    assert not (tmp_path / "metrics.csv").exists()
