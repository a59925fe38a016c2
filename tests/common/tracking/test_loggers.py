"""Loggers stand side by side, and metrics.csv is there whatever is chosen."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.loggers import TensorBoardLogger
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from common.errors import LicError
from common.tracking.loggers import check_spelling, chosen, tracking, wandb_settings

Lic = Callable[..., int]
POINT = ["model=image/factorized", "trainer.max_steps=2", "trainer.val_check_interval=2", "trainer.log_every_n_steps=1"]


def steps(root: Path, name: str) -> list[str]:
    (file,) = root.glob(f"runs/{name}/*/metrics.csv")
    with file.open() as rows:
        return [row["step"] for row in csv.DictReader(rows) if row["train/loss"]]


def test_two_loggers_hear_of_every_step_and_of_the_result(
    lic: Lic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    class Silent(TensorBoardLogger):
        def log_metrics(self, metrics: Any, step: Any = None) -> None:
            told.extend(metrics)

    (tmp_path / "own/logger").mkdir(parents=True)
    (tmp_path / "own/logger/mine.yaml").write_text(
        f"mine:\n  _target_: {__name__}.Silent\n  save_dir: ${{hydra:runtime.output_dir}}/mine\n"
    )
    monkeypatch.setattr(f"{__name__}.Silent", Silent, raising=False)
    assert lic("train", "--config-dir", "own", *POINT, "logger=[csv,tensorboard,mine]", "name=both") == 0
    assert steps(tmp_path, "both") == ["0", "1"] and "train/loss" in told
    (place,) = {file.parent for file in tmp_path.glob("runs/both/*/tensorboard/events.out.*")}
    events = EventAccumulator(str(place)).Reload()
    assert [event.step for event in events.Scalars("train/loss")] == [0, 1] and events.Scalars("test/bpp")


def test_without_any_the_curves_are_in_the_run_folder(lic: Lic, tmp_path: Path) -> None:
    assert lic("train", *POINT, "logger=null", "trainer.enable_progress_bar=false", "name=none") == 0
    assert steps(tmp_path, "none") == ["0", "1"]


def test_a_setting_must_say_whose_it_is(capsys: pytest.CaptureFixture[str], lic: Lic) -> None:
    assert lic("train", "logger=wandb", "logger.keep_weights=true") == 2
    assert "logger.wandb.keep_weights=true" in capsys.readouterr().err
    check_spelling(["logger=wandb", "logger.wandb.project=x", "logger.wandb=null", "+logger.own={_target_: x}"])
    with pytest.raises(LicError, match=r"logger\.wandb\.project"):
        chosen(OmegaConf.create({"logger": {"project": "x"}}))


def test_a_run_folder_of_before_has_one_without_a_name(tmp_path: Path) -> None:
    old = OmegaConf.create({"logger": {"_target_": "lightning.pytorch.loggers.WandbLogger", "project": "x"}})
    settings = wandb_settings(old)
    assert settings is not None and settings.project == "x"
    csv_only = {"_target_": "common.tracking.csv_logger.ResumableCSVLogger", "save_dir": str(tmp_path)}
    with tracking(OmegaConf.create({"logger": csv_only}), curves=tmp_path) as loggers:
        assert [logger.name for logger in loggers] == ["csv"]
