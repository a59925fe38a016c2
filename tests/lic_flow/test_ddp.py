"""A flow network trained by two processes: the losses of one, and an evaluation by the first alone."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

Lic = Callable[..., int]


def test_two_processes_follow_one(lic: Lic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    budget = ["trainer.max_steps=4", "trainer.val_check_interval=4", "trainer.log_every_n_steps=1"]
    losses, results = [], []
    for trainer in ("cpu", "ddp_cpu"):
        assert lic("train", "model=flow/deeppynet", *budget, f"trainer={trainer}", f"name={trainer}") == 0
        (result,) = tmp_path.glob(f"runs/{trainer}/*/result.json")
        results.append(json.loads(result.read_text())["results"])
        with (result.parent / "metrics.csv").open() as file:
            losses.append([float(row["train/loss"]) for row in csv.DictReader(file) if row["train/loss"]])
    assert len(losses[0]) == 4 and losses[1] == pytest.approx(losses[0], rel=1e-3)
    assert results[0].keys() == results[1].keys()
    assert results[1]["stereo/epe"] == pytest.approx(results[0]["stereo/epe"], rel=1e-2)
