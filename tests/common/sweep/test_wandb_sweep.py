"""W&B's sweep file: its command is ours, and what an agent makes of it composes."""

import pytest
import yaml
from support import compose

from common.cli import main

GRID = ["model=image/factorized", "size=tiny", "lmbda=0.01,0.02"]


def written(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main(["sweep", "wandb", *arguments]) == 0
    return yaml.safe_load(capsys.readouterr().out)  # type: ignore[no-any-return]


def test_what_an_agent_runs_composes(capsys: pytest.CaptureFixture[str]) -> None:
    file = written(capsys, *GRID, "model.codec.N=range(8,24,8)")
    assert file["method"] == "grid" and file["metric"] == {"name": "test/cost", "goal": "minimize"}
    parameters = file["parameters"]
    assert parameters == {"lmbda": {"values": [0.01, 0.02]}, "model.codec.N": {"values": [8, 16]}}
    chosen = [f"{name}={parameter['values'][1]}" for name, parameter in parameters.items()]
    command = [part for each in file["command"] for part in (chosen if each == "${args_no_hyphens}" else [each])]
    assert command[:3] == ["${env}", "lic", "train"]
    cfg = compose(*command[3:])
    assert (cfg.lmbda, cfg.model.codec.N, cfg.size.name) == (0.02, 16, "tiny")
    assert cfg.logger.wandb._target_.endswith("WandbLogger")


def test_intervals_are_searched(capsys: pytest.CaptureFixture[str]) -> None:
    searched = ["model.optimizer.lr=tag(log,interval(1e-4,1e-2))", "model.codec.N=int(interval(8,16))"]
    file = written(capsys, "lmbda=0.01", *searched)
    assert file["method"] == "bayes"
    assert file["parameters"]["model.optimizer.lr"] == {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-2}
    assert file["parameters"]["model.codec.N"] == {"values": list(range(8, 17))}
    choices = written(capsys, "seed=0,1", "callbacks=default,ema")["parameters"]
    assert choices == {"seed": {"values": [0, 1]}, "callbacks": {"values": ["default", "ema"]}}
    assert "lmbda=0.01" in file["command"]


def test_nothing_to_vary_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "wandb", "lmbda=0.01"]) == 2
    assert "nothing varies" in capsys.readouterr().err
