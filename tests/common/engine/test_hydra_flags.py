"""Hydra's flags with sweeps and in any order, and what Hydra says of a command line in one sentence of ours."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from common.cli import main
from common.engine.application import without_null
from common.engine.hydra_flags import ordered

Lic = Callable[..., int]


def test_every_point_of_a_sweep_is_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])  # `--info` adds one, and lowers the level
    monkeypatch.setattr(logging.root, "level", logging.WARNING)
    assert main(["train", "-m", "experiment=image/demo", "--cfg", "job", "--package", "lmbda"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[1::3] == ["0.013", "0.0045", "0.035"], "the experiment's own sweep"
    assert shown[0].startswith("# point 1 of 3: ") and shown[2] == "---"
    assert main(["train", "-m", "--info", "defaults-tree", "lmbda=1,2"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("# point 1 of 2: lmbda=1") and "Defaults Tree" in shown


def test_a_configuration_is_resolved_for_every_logger(capsys: pytest.CaptureFixture[str]) -> None:
    for logger in ("csv", "wandb", "tensorboard"):
        assert main(["train", "--cfg", "job", "--resolve", f"logger={logger}", "model=image/factorized"]) == 0
    assert "model" in capsys.readouterr().out


def test_flags_may_stand_anywhere() -> None:
    assert ordered(["a=1", "-m", "--config-dir", "x=y", "~b", "c=2"]) == [
        "-m",
        "--config-dir",
        "x=y",
        "a=1",
        "~b",
        "c=2",
    ]
    assert ordered(["--info", "a=1"]) == ["--info=all", "a=1"]
    assert ordered(["--info", "config", "a=1"]) == ["--info", "config", "a=1"]


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("--resolve", "--resolve shows nothing by itself"),
        ("--cfg job --info", "give one of --cfg and --info"),
        ("-m --cfg job hydra/sweeper=optuna lmbda=1,2", "a search chooses its points"),
        ("model=image/mean_hyprior", "there is no model=image/mean_hyprior: did you mean image/mean_hyperprior?"),
        ("-m model=image/swift,image/swft", "there is no model=image/swft: did you mean image/swift?"),
        ("-m model=glob(nothing*)", "model=glob(nothing*) stands for nothing"),
        ("-m lmbda=1 hydra.launcher.partition=gpu", "it is of hydra/launcher=slurm."),
        ("-m lmbda=1 hydra/launcher=slurm hydra.launcher.patition=gpu", "did you mean partition?"),
        (
            "-m lmbda=1 hydra/launcher=slurm hydra.launcher.additional_parameters.mail-type=END",
            "write +hydra.launcher.additional_parameters.mail-type=VALUE.",
        ),
        ("-m lmbda=1 hydra.sweeper.n_trials=3", "it is of hydra/sweeper=optuna."),
        ("-m lmbda=interval(1,2)", "to search it, add hydra/sweeper=optuna"),
        ("lmbda=1 hydra/launcher=slurm", "hydra/launcher=slurm is of sweeps: add -m"),
        ("-m lmbda=1 report.published=[none.json]", "report.published: there is no file none.json"),
        ("-m lmbda=1 report.published=[vtm_18.0,elik]", "no published curve of that name; close to it: elic"),
        ("-m lmbda=1 report.baselines=[banana]", "there is no classical codec 'banana': choose one of jpeg"),
        ("lmbda=1 report.baselines=[jpg]", "report.baselines: there is no classical codec 'jpg': did you mean jpeg?"),
        ("lmbda=1 report.published=[elik]", "no published curve of that name; close to it: elic"),
        ("-m lmbda=1 report.baselines=jpeg", "report.baselines is a list, as in report.baselines=[jpeg]"),
        ("-m experiment=image/demo distortion=l1", "lmbda is 0.013,0.0045,0.035, which the recipe has for another"),
        ("-m experiment=image/demo distortion=mse,l1", "which the recipe has for another distortion"),
        ("-m experiment=image/enveloped_downscale distortion=ms_ssim", "which the recipe has for another distortion"),
        ("-m ablation=survey_quantisers quantiser=noise", "ablation=survey_quantisers: its rows decide quantiser, and"),
        ("-m ablation=survey_recurrent cell=conv_gru", "ablation=survey_recurrent: its rows decide cell, and"),
        ("ablation=survey_quantisers model.codec.M=64", "its rows decide model.codec.M, and"),
        ("lmbda", "lmbda is no key=value"),
        ("label=a=b", "label=a=b cannot be read"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    command: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", *command.split()]) == 2
    said = capsys.readouterr().err
    assert sentence in said and len(said.splitlines()) == 1 and not list(tmp_path.glob("runs/*/*/config.yaml"))


@pytest.mark.parametrize("where", ["conf/local", "experiment"])
def test_a_launcher_is_taken_from_a_configuration_of_ones_own(
    where: str, lic: Lic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "own" / ("local/default.yaml" if where == "conf/local" else "experiment/far.yaml")
    place.parent.mkdir(parents=True)
    place.write_text(
        "# @package _global_\ndefaults:\n  - override /hydra/launcher: slurm\nhydra:\n  launcher:\n    partition: big\n"
    )
    launched: list[object] = []
    monkeypatch.setattr("common.sweep.slurm_sweep.launch", lambda *given: launched.append(given[-1]["partition"]) or [])
    command = ["-m", "--config-dir", str(tmp_path / "own"), "lmbda=1", "report.enabled=false"]
    own = ["experiment=far"] if where == "experiment" else []
    assert lic("train", *command, *own) == 0
    assert launched == ["big"]


def test_settings_of_another_launcher_are_named_where_a_configuration_has_them(
    lic: Lic, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "own/local/default.yaml"
    place.parent.mkdir(parents=True)
    place.write_text("# @package _global_\nhydra:\n  launcher:\n    partition: big\n")
    assert lic("train", "-m", "--config-dir", str(tmp_path / "own"), "lmbda=1") == 2
    said = capsys.readouterr().err
    assert "hydra.launcher.partition is no setting of hydra/launcher=local: it is of hydra/launcher=slurm." in said


@pytest.mark.parametrize("kind", ["job", "hydra"])
def test_logging_may_be_disabled(kind: str, lic: Lic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[object] = []
    monkeypatch.setattr("common.engine.fit.finish_run", lambda folder, *_: trained.append(folder))
    assert lic("train", "-m", "model=image/factorized", f"hydra/{kind}_logging=disabled", "report.enabled=false") == 0
    assert len(trained) == 1


@pytest.mark.parametrize("group", ["logger", "attention", "residual"])
def test_null_is_no_option_of_a_group_in_whatever_folder(group: str) -> None:
    assert without_null(f"{group}=null") == f"{group}=[]"
    assert without_null("warm_start=null") == "warm_start=null" and without_null(f"{group}=none") == f"{group}=none"
