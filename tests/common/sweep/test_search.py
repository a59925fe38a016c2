"""A search finds the best of what its points measure, goes on where it stopped, and says what it cannot do."""

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from common.engine import fit
from common.errors import LicError
from common.io import write_json
from common.run.folder import RunFolder
from common.sweep.search import ask
from common.sweep.trials import JOURNAL

Lic = Callable[..., int]
COMMAND = [
    "-m", "hydra/sweeper=optuna", "model=image/factorized", "name=search", "hydra.sweeper.n_trials=8",
    "model.optimizer.lr=tag(log,interval(1e-4,1e-2))", "model.codec.N=choice(8,16)", "report.enabled=false",
]  # fmt: skip


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[RunFolder]:
    """Runs that were "trained": one is the better the nearer its rate of learning is to 1e-3, and with 16 channels."""
    done: list[RunFolder] = []

    def finish(folder: RunFolder, *_: object) -> None:
        cfg = folder.config()
        done.append(folder)
        lost = math.log10(cfg.model.optimizer.lr / 1e-3) ** 2 + (cfg.model.codec.N == 8)
        image = {"bpp": 0.1 * cfg.lmbda * (1 + lost), "psnr": 30 + 10 * math.log10(cfg.lmbda)}
        results = {"bpp": [image["bpp"]], "psnr-rgb": [image["psnr"]]}
        head = {"name": "x", "protocol": "image", "dataset": "d", "curve": "x", "lmbda": cfg.lmbda}
        write_json(folder.result, {**head, "results": results, "images": [image]})

    monkeypatch.setattr(fit, "finish_run", finish)
    return done


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "search.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_best_is_found_and_the_search_goes_on_where_it_stopped(
    lic: Lic, tmp_path: Path, trained: list[RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, left = fit.finish_run, [3]

    def interrupted(folder: RunFolder, *_: object) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        finish(folder)

    monkeypatch.setattr(fit, "finish_run", interrupted)
    assert lic("train", *COMMAND, "lmbda=2") == 130
    monkeypatch.setattr(fit, "finish_run", finish)
    assert lic("train", *COMMAND, "lmbda=2") == 0
    folder = tmp_path / "runs/search"
    rows = table(folder)
    assert len(rows) == 8 == len(trained) == len({folder.path for folder in trained}), "no trial twice"
    values = [float(row["value"]) for row in rows]
    assert values == sorted(values)
    (first,) = (f for f in trained if str(f.config().model.optimizer.lr) == rows[0]["model.optimizer.lr"])
    best = json.loads(first.result.read_text())
    assert values[0] == pytest.approx(best["images"][0]["bpp"] + 2 * 255**2 * 10 ** (-best["images"][0]["psnr"] / 10))
    assert rows[0]["model.codec.N"] == "16"
    count = len(trained)
    assert lic("train", *COMMAND, "lmbda=2") == 0 and len(trained) == count, "eight were wanted, eight there are"


def test_a_curve_is_judged_by_its_bd_rate(lic: Lic, tmp_path: Path, trained: list[RunFolder]) -> None:
    points = [0.5, 1, 2, 4]
    reference = tmp_path / "reference.json"
    results = {"bpp": [0.2 * p for p in points], "psnr-rgb": [30 + 10 * math.log10(p) for p in points]}
    write_json(reference, {"name": "r", "description": "", "results": results})
    judged = ["hydra.sweeper.objective=bd_rate", f"hydra.sweeper.reference={reference}", "hydra.sweeper.n_trials=4"]
    assert lic("train", *COMMAND, *judged, "lmbda=0.5,1,2,4") == 0
    assert len(trained) == 16
    for row in table(tmp_path / "runs/search"):
        lost = math.log10(float(row["model.optimizer.lr"]) / 1e-3) ** 2 + (row["model.codec.N"] == "8")
        assert float(row["value"]) == pytest.approx(100 * (0.5 * (1 + lost) - 1), abs=0.01)


def test_a_failed_point_is_a_failed_trial(
    lic: Lic, tmp_path: Path, trained: list[RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = fit.finish_run

    def broken(folder: RunFolder, *_: object) -> None:
        if folder.config().model.codec.N == 8:
            raise OSError("no space left")
        finish(folder)

    monkeypatch.setattr(fit, "finish_run", broken)
    assert lic("train", *COMMAND, "lmbda=1", "hydra.sweeper.n_trials=6") == 1
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "runs/search" / JOURNAL)))
    trials = optuna.load_study(study_name="search", storage=storage).trials
    states = {(trial.params["model.codec.N"], trial.state) for trial in trials}
    assert len(trials) == 6 and states == {("8", TrialState.FAIL), ("16", TrialState.COMPLETE)}
    assert {row["model.codec.N"] for row in table(tmp_path / "runs/search")} == {"16"}


def test_other_questions_are_refused_and_other_spellings_are_not(
    lic: Lic, tmp_path: Path, trained: list[RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    few = [*COMMAND, "hydra.sweeper.n_trials=2"]
    assert lic("train", *few, "lmbda=2", "trainer.gradient_clip_val=0.25") == 0
    before = (tmp_path / "runs/search/search.csv").read_text()
    capsys.readouterr()
    others = {
        "lmbda 2 there, 3 here": ["lmbda=3", "trainer.gradient_clip_val=0.25"],
        "gradient_clip_val 0.25 there, 0.5 here": ["lmbda=2", "trainer.gradient_clip_val=0.5"],
        "direction minimize there, maximize here": [
            "lmbda=2", "trainer.gradient_clip_val=0.25", "hydra.sweeper.direction=maximize",
        ],
        "objective cost there, bpp here": ["lmbda=2", "trainer.gradient_clip_val=0.25", "hydra.sweeper.objective=bpp"],
    }  # fmt: skip
    for sentence, changed in others.items():
        assert lic("train", *few, *changed) == 2
        said = " ".join(capsys.readouterr().out.split())
        assert sentence in said and "another name=" in said
    assert len(trained) == 2 and (tmp_path / "runs/search/search.csv").read_text() == before
    assert lic("train", *few, "lmbda=2.0", "trainer.gradient_clip_val=25e-2", "logger=tensorboard") == 0
    assert len(trained) == 2
    assert lic("train", *few, "lmbda=3", "overwrite=true") == 0 and len(trained) == 4, "anew, as it was asked for"


def test_trials_that_lie_in_another_space_are_taken_over(lic: Lic, tmp_path: Path, trained: list[RunFolder]) -> None:
    assert lic("train", *COMMAND, "lmbda=2") == 0
    sixteen = sum(row["model.codec.N"] == "16" for row in table(tmp_path / "runs/search"))
    narrower = ["model.codec.N=choice(16,24)", "model.optimizer.lr=tag(log,interval(1e-5,1e-1))"]
    others = [each for each in COMMAND if each.partition("=")[0] not in {n.partition("=")[0] for n in narrower}]
    assert 0 < sixteen < 8
    assert lic("train", *others, *narrower, "lmbda=2") == 0
    assert len(trained) == 16 - sixteen, "eight altogether in the new space"
    assert {row["model.codec.N"] for row in table(tmp_path / "runs/search")} <= {"16", "24"}


def test_a_failed_trial_counts_by_what_it_gives_when_it_was_retried(
    lic: Lic, tmp_path: Path, trained: list[RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = fit.finish_run
    monkeypatch.setattr(fit, "finish_run", lambda folder, *_: (_ for _ in ()).throw(OSError("no space left")))
    assert lic("train", *COMMAND, "lmbda=2", "hydra.sweeper.n_trials=2") == 2
    monkeypatch.setattr(fit, "finish_run", finish)
    assert lic("sweep", "retry", "runs/search") == 0 and len(trained) == 2
    assert lic("train", *COMMAND, "lmbda=2", "hydra.sweeper.n_trials=2") == 0
    assert len(table(tmp_path / "runs/search")) == len(trained) == 2, "none is tried again"


def test_a_point_that_two_trials_ask_for_is_launched_once(
    lic: Lic, trained: list[RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    from hydra_plugins.lic_local.launcher import LocalLauncher

    launched: list[list[str]] = []
    launch = LocalLauncher.launch

    def seen(self: LocalLauncher, job_overrides: list[list[str]], initial_job_idx: int) -> object:
        launched.extend(job_overrides)
        return launch(self, job_overrides, initial_job_idx)

    monkeypatch.setattr(LocalLauncher, "launch", seen)
    two = [*COMMAND[:3], "name=search", "model.codec.N=choice(8,16)", "report.enabled=false", "lmbda=2"]
    assert lic("train", *two, "hydra.sweeper.n_trials=6", "hydra.sweeper.n_jobs=6") == 0
    assert len(launched) == len(trained) == 2


def test_spaces() -> None:
    asked = ask(
        ["a=int(interval(1,8))", "b=tag(log,interval(0.1,1))", "c=range(2,8,2)", "d=x,y", "e='q=1'", "lmbda=1,2"]
    )
    assert asked.space == {
        "a": IntDistribution(1, 8),
        "b": FloatDistribution(0.1, 1.0, log=True),
        "c": IntDistribution(2, 6, step=2),
        "d": CategoricalDistribution(["x", "y"]),
    }
    assert asked.fixed == ["e='q=1'"] and asked.lmbdas == ["1", "2"]
    with pytest.raises(LicError, match="nothing is searched"):
        ask(["a=1", "lmbda=1,2"])


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["lmbda=1,2"], "is of one λ"),
        (["lmbda=1,2,4", "hydra.sweeper.objective=bd_rate"], "hydra.sweeper.reference"),
        (["lmbda=1", "hydra.sweeper.reference=x"], "leave hydra.sweeper.reference out"),
        (["lmbda=1", "hydra.sweeper.direction=down"], "choose minimize or maximize"),
        (["lmbda=1", "hydra.sweeper.n_jobs=many"], "hydra.sweeper.n_jobs is 'many'"),
        (["lmbda=1", "hydra.sweeper.objective=epe"], "choose cost, bd_rate or one of bpp"),
        (["lmbda=1", "hydra/launcher=slurm", "hydra.launcher.wait=false"], "leave hydra.launcher.wait=true"),
    ],
)
def test_what_cannot_be_searched_is_one_sentence(
    more: list[str], sentence: str, lic: Lic, trained: list[RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    assert lic("train", *COMMAND, *more) == 2
    assert sentence in " ".join(capsys.readouterr().out.split())
