"""Folders of a sweep's points, where they are not named as usual, and how points are called."""

from collections.abc import Callable
from pathlib import Path

import pytest

from common.cli import main
from common.engine import fit
from common.io import write_json
from common.run.folder import RunFolder

Lic = Callable[..., int]
QUIET = ["model=image/factorized", "report.enabled=false"]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[RunFolder]:
    done: list[RunFolder] = []

    def finish(folder: RunFolder, *_: object) -> None:
        if folder.config().lmbda == 4:
            raise KeyboardInterrupt
        done.append(folder)
        write_json(folder.result, {"results": {"bpp": [0.1 * len(done)]}})

    monkeypatch.setattr(fit, "finish_run", finish)
    return done


def test_points_in_folders_of_other_names_are_found(
    lic: Lic, tmp_path: Path, trained: list[RunFolder], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    own = ["-m", *QUIET, "lmbda=1,2,4,8", "hydra.sweep.subdir=mine/${lmbda}", "name=own"]
    assert lic("train", *own) == 130
    assert {str(f.path.relative_to(tmp_path)) for f in trained} == {"runs/own/mine/1", "runs/own/mine/2"}
    capsys.readouterr()
    assert main(["sweep", "status", "runs/own"]) == 0
    said = capsys.readouterr().out
    assert "2 finished, 2 stopped" in said and "lmbda=8" in said
    monkeypatch.setattr(fit, "finish_run", lambda f, *_: (trained.append(f), write_json(f.result, {"results": {}})))
    assert main(["sweep", "retry", "runs/own"]) == 0
    assert [str(f.path.absolute().relative_to(tmp_path)) for f in trained[2:]] == [f"runs/own/mine/{n}" for n in (4, 8)]


def test_a_search_finds_its_points_in_folders_of_other_names(
    lic: Lic, trained: list[RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    search = ["-m", *QUIET, "hydra/sweeper=optuna", "hydra.sweeper.objective=bpp", "hydra.sweeper.n_trials=2"]
    space = ["model.codec.N=choice(8,16,32,64)", "lmbda=1"]
    assert lic("train", *search, *space, "hydra.sweep.subdir=N${model.codec.N}", "name=search") == 0
    assert {f.path.name for f in trained} <= {"N8", "N16", "N32", "N64"}
    assert lic("train", *search, *space, "hydra.sweep.subdir=${hydra.job.num}", "name=numbers") == 2
    assert "leave hydra.sweep.subdir as it is" in capsys.readouterr().out


def test_experiments_of_a_sweep_that_has_a_name_have_folders_of_their_own(
    lic: Lic, tmp_path: Path, trained: list[RunFolder]
) -> None:
    both = ["-m", "report.enabled=false", "experiment=image/hyperprior,image/mean_hyperprior", "lmbda=1", "name=x"]
    assert lic("train", *both, f"data.train={tmp_path}") == 0
    names = ["experiment-image.hyperprior", "experiment-image.mean_hyperprior"]
    assert sorted(part for f in trained for part in f.path.name.split("+") if part.startswith("exp")) == names
    assert {f.path.parent for f in trained} == {tmp_path / "runs/x"}
