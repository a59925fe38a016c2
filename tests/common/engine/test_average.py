"""A moving average is used once there is one; until then the weights are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from common.engine.callbacks import MovingAverage
from common.run.folder import RunFolder
from lic_image.module import ImageCodec

Lic = Callable[..., int]
POINT = ["model=image/factorized", "trainer.max_steps=6", "trainer.val_check_interval=2", "callbacks=ema"]


@pytest.fixture
def validated(monkeypatch: pytest.MonkeyPatch) -> dict[int, list[float]]:
    """Step -> a weight while it is validated, and the same weight after the step's training."""
    seen: dict[int, list[float]] = {}

    def weight(module: ImageCodec) -> float:
        return float(next(module.codec.g_a.parameters()).detach().flatten()[0])

    trained, step = MovingAverage.on_validation_epoch_start, ImageCodec.validation_step

    def before(self: MovingAverage, trainer: Any, module: Any) -> None:
        seen[trainer.global_step] = [weight(module)]
        trained(self, trainer, module)

    def during(self: ImageCodec, batch: Any, index: int) -> None:
        if len(seen[self.global_step]) == 1:
            seen[self.global_step].append(weight(self))
        step(self, batch, index)

    monkeypatch.setattr(MovingAverage, "on_validation_epoch_start", before)
    monkeypatch.setattr(ImageCodec, "validation_step", during)
    return seen


def state(file: Path) -> dict[str, torch.Tensor]:
    return torch.load(file, weights_only=True)["state_dict"]  # type: ignore[no-any-return]


def test_an_average_that_begins_late_is_used_from_then_on(
    lic: Lic, tmp_path: Path, validated: dict[int, list[float]]
) -> None:
    late = [*POINT, "+callbacks.ema.update_starting_at_step=3"]
    assert lic("train", *late) == 0
    assert {step: own == used for step, (own, used) in validated.items()} == {2: True, 4: True, 6: False}
    (folder,) = (RunFolder(file.parent) for file in tmp_path.glob("runs/*/*/result.json"))
    content = torch.load(folder.checkpoint, weights_only=True)
    assert int(content["averaging_state"]["n_averaged"]) == 3


def test_one_that_never_begins_delivers_the_trained_weights(
    lic: Lic, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lic("train", *POINT[:-1], "name=plain") == 0
    never = [*POINT, "+callbacks.ema.update_starting_at_step=100", "name=never"]
    assert lic("train", *never) == 0
    assert "No average of the weights had begun after 6 steps" in capsys.readouterr().out
    (plain,) = tmp_path.glob("runs/plain/*/weights.ckpt")
    (folder,) = (RunFolder(file.parent) for file in tmp_path.glob("runs/never/*/result.json"))
    trained = state(plain)
    assert all(torch.equal(value, trained[name]) for name, value in state(folder.weights).items())
    folder.weights.unlink()
    folder.result.unlink()
    assert lic("train", *never) == 0, "killed between the last step and the weights"
    assert all(torch.equal(value, trained[name]) for name, value in state(folder.weights).items())
