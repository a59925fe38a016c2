"""How points stand, as a folder and SLURM's queue tell it, and `lic sweep` on a sweep of this machine."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from common.cli import main
from common.run.folder import RunFolder
from common.sweep.point_states import points, state
from common.sweep.slurm import Queued

Lic = Callable[..., int]


@pytest.fixture
def point(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "sweep/point")
    folder.path.mkdir(parents=True)
    folder.config_file.write_text("warm_start: null\ntrainer: {max_steps: 20}\noverrides: [lmbda=1]\n")
    return folder


def test_states(point: RunFolder) -> None:
    assert state(point, {}) == ("stopped", "of 20 steps none is saved")
    (point.path / "metrics.csv").write_text("step,train/loss\n4,1.0\n9,0.5\n")
    assert state(point, {}) == ("stopped", "step 10 of 20")
    with point.lock():
        assert state(point, {}) == ("running", "step 10 of 20")
    point.fail("out of disk")
    assert state(point, {}) == ("failed", "out of disk")
    point.job.write_text('{"job": "7_1", "log": "7_1.out"}')
    assert state(point, {"7_1": Queued("PENDING", "Resources")}) == ("pending", "job 7_1, Resources; step 10 of 20")
    assert state(point, {"7_1": Queued("RUNNING", "None")}) == ("running", "step 10 of 20")
    point.failure.unlink()
    point.job.write_text('{"job": "", "log": ""}')
    assert state(point, {}) == ("stopped", "not submitted; step 10 of 20")
    point.job.write_text('{"job": "7_1", "log": "7_1.out"}')
    assert state(point, {}) == ("failed", "SLURM ended job 7_1 before it could say why: see 7_1.out")
    point.result.write_text('{"results": {"bpp": [0.5], "psnr-rgb": [null]}}')
    assert state(point, {}) == ("finished", "bpp 0.5")


def test_a_run_is_its_own_only_point(point: RunFolder) -> None:
    """Hydra keeps a config.yaml in `.hydra`, which is none."""
    hidden = point.path / ".hydra"
    hidden.mkdir()
    (hidden / "config.yaml").write_text("name: ${lic.experiment:}")
    assert [folder.path for folder in points(point.path)] == [point.path]


@pytest.mark.parametrize("text", ["[]", "{", '{"results": {"bpp": 1}}'])
def test_a_damaged_result_is_a_failure_of_that_point_alone(point: RunFolder, text: str) -> None:
    point.result.write_text(text)
    kind, detail = state(point, {})
    assert kind == "failed" and "delete that" in detail


def test_no_sweep_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "status", str(tmp_path)]) == 2
    assert "holds no runs" in capsys.readouterr().err


def test_a_local_sweep_that_was_cut_off_is_retried(
    lic: Lic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first point fails, the second is interrupted, the third never begins."""
    from common.engine import fit

    trained, finish = [], fit.finish_run

    def broken(folder: RunFolder, *_: object) -> None:
        trained.append(folder.config().lmbda)
        raise OSError("no space left") if trained[-1] == 0.01 else KeyboardInterrupt

    monkeypatch.setattr(fit, "finish_run", broken)
    sweep = tmp_path / "runs/cut"
    assert lic("train", "-m", "model=image/factorized", "debug=step", "lmbda=0.01,0.02,0.04", "name=cut") == 130
    assert trained == [0.01, 0.02]
    capsys.readouterr()
    assert main(["sweep", "status", str(sweep)]) == 1
    assert "2 stopped, 1 failed" in capsys.readouterr().out
    assert len(json.loads((sweep / "sweep.json").read_text())) == 3

    monkeypatch.setattr(fit, "finish_run", finish)
    assert main(["sweep", "retry", str(sweep)]) == 0
    assert main(["sweep", "status", str(sweep)]) == 0
    assert "3 finished" in capsys.readouterr().out
