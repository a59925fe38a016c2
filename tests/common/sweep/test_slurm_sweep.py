"""What the launcher does with points, on a cluster that is none: submits what is to do, waits, and reports."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from common.io import write_json
from common.run.folder import RunFolder
from common.sweep import slurm_sweep
from common.sweep.point_states import points
from common.sweep.slurm import Queued

Lic = Callable[..., int]
COMMAND = [
    "-m", "hydra/launcher=slurm", "model=image/factorized", "trainer.max_steps=1", "name=far", "lmbda=1,2,4",
    "report.enabled=false",
]  # fmt: skip


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> tuple[list[float], dict[str, Queued]]:
    """The λ that were submitted, and what the queue says."""
    submitted: list[float] = []
    queued: dict[str, Queued] = {}

    def submit(folders: list[RunFolder], sweep: Path, settings: dict[str, object]) -> None:
        assert "wait" not in settings and settings["time"] == 1440
        for folder in folders:
            submitted.append(folder.config().lmbda)
            write_json(folder.job, {"job": f"9_{len(submitted)}", "log": "9.out"})

    monkeypatch.setattr(slurm_sweep, "submit", submit)
    monkeypatch.setattr(slurm_sweep, "queue", lambda: queued)
    monkeypatch.setattr(slurm_sweep, "wait_for", lambda folders, every, sweep: None)
    return submitted, queued


def finish(folder: Path) -> None:
    write_json(folder / "result.json", {"results": {"bpp": [1.0]}})


def test_what_is_finished_or_in_the_queue_is_not_submitted_again(
    lic: Lic, tmp_path: Path, cluster: tuple[list[float], dict[str, Queued]], capsys: pytest.CaptureFixture[str]
) -> None:
    submitted, queued = cluster
    assert lic("train", *COMMAND, "hydra.launcher.wait=false") == 0
    assert submitted == [1, 2, 4]
    folders = {RunFolder(f.parent).config().lmbda: f.parent for f in tmp_path.glob("runs/far/*/config.yaml")}
    finish(folders[1])
    queued[json.loads((folders[2] / "slurm.json").read_text())["job"]] = Queued("PENDING", "Resources")
    capsys.readouterr()
    assert lic("train", *COMMAND, "hydra.launcher.wait=false") == 0
    assert submitted == [1, 2, 4, 4]
    assert "pending already (job 9_2)" in capsys.readouterr().out


def test_the_exit_status_is_that_of_the_worst_point(
    lic: Lic, tmp_path: Path, cluster: tuple[list[float], dict[str, Queued]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(folders: list[RunFolder], every: float, sweep: Path) -> None:
        for folder in folders:
            finish(folder.path) if folder.config().lmbda != 2 else folder.fail("out of memory")

    monkeypatch.setattr(slurm_sweep, "wait_for", ended)
    assert lic("train", *COMMAND) == 1
    assert lic("train", *COMMAND, "overwrite=true", "lmbda=1,4") == 0


def test_a_point_that_cannot_begin_is_not_submitted(
    lic: Lic, cluster: tuple[list[float], dict[str, Queued]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert lic("train", *COMMAND, "hydra.launcher.wait=false", "data=image/folder", "data.test=x") == 2
    assert cluster[0] == [] and "data.train" in capsys.readouterr().out


def test_evaluations_are_not_sent(lic: Lic, capsys: pytest.CaptureFixture[str]) -> None:
    assert lic("eval", "-m", "hydra/launcher=slurm", "run=a,b") == 2
    assert "run `lic eval` here" in capsys.readouterr().err


def test_it_says_how_points_stand_until_they_end(
    lic: Lic, tmp_path: Path, cluster: tuple[list[float], dict[str, Queued]], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    _, queued = cluster
    assert lic("train", *COMMAND, "hydra.launcher.wait=false", "lmbda=1,2") == 0
    folders = sorted(points(tmp_path / "runs/far"), key=lambda folder: folder.config().lmbda)
    queued.update({"9_1": Queued("PENDING", "Priority"), "9_2": Queued("RUNNING", "None")})

    def later(seconds: float) -> None:
        if queued.pop("9_2", None):
            folders[1].fail("out of memory")
        else:
            del queued["9_1"]
            finish(folders[0].path)

    monkeypatch.undo()  # the fixture's own waiting, too
    monkeypatch.setattr(slurm_sweep, "queue", lambda: queued)
    monkeypatch.setattr(slurm_sweep, "time", SimpleNamespace(sleep=later))
    capsys.readouterr()
    slurm_sweep.wait_for(folders, 7, tmp_path / "runs/far")
    one, two = "lmbda=1", "lmbda=2"
    assert capsys.readouterr().out.splitlines() == [
        f"{one}: pending (job 9_1: Priority)", f"{two}: running (job 9_2)",
        f"{two}: failed: out of memory", f"{one}: finished: bpp 1",
    ]  # fmt: skip
