"""What every LightningModule here does: no step waits for a GPU, and what diverges is named all the same."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from common.engine import fit
from common.errors import LicError
from common.module import GuardedModule, NonFiniteLoss, scheduled
from common.run.folder import RunFolder
from common.run.weights import checkpoint_step
from common.schedules import cosine
from lic_image.module import ImageCodec

Lic = Callable[..., int]
# What makes the host wait until a GPU has computed a value.
WAITING = {
    torch.ops.aten._local_scalar_dense.default,
    torch.ops.aten.is_nonzero.default,
    torch.ops.aten.item.default,
    torch.ops.aten.nonzero.default,
    torch.ops.aten.equal.default,
}


class Waiting(TorchDispatchMode):
    """Counts what would make the host wait."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in WAITING:
            self.found.append(str(func))
        return func(*args, **(kwargs or {}))


@pytest.fixture
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GuardedModule, "reads_now", property(lambda self: self.logs_now))


def test_a_schedule_whose_factors_are_not_known_is_refused() -> None:
    weights = [torch.nn.Parameter(torch.zeros(1))]
    with pytest.raises(LicError, match="gives a StepLR: write it as a LambdaLR"):
        scheduled(torch.optim.Adam(weights), torch.optim.lr_scheduler.StepLR, 10)  # type: ignore[arg-type]


def test_a_setting_of_another_schedule_is_a_sentence() -> None:
    weights = [torch.nn.Parameter(torch.zeros(1))]
    schedule = partial(cosine, fractions=[1, 2])
    with pytest.raises(LicError, match=r"setting fractions, which cosine does not take.*~model\.scheduler\.fractions"):
        scheduled(torch.optim.Adam(weights), schedule, 10)
    scheduled(torch.optim.Adam(weights), partial(cosine, warmup=0.1), 10)


def test_the_counter_counts() -> None:
    with Waiting() as waiting:
        bool(torch.isfinite(torch.ones(())))
    assert waiting.found


@pytest.mark.parametrize("model", ["image/mean_hyperprior", "image/swift", "flow/deeppynet_small", "video/ofmc"])
def test_a_step_waits_for_nothing(model: str, lic: Lic, monkeypatch: pytest.MonkeyPatch, as_on_a_gpu: None) -> None:
    """Forward, backward, clipping and the optimiser's step; not of the last step, whose figures are logged."""
    found: dict[int, list[str]] = {}
    original = GuardedModule.optimizer_step

    def watched(self: GuardedModule, *args: Any, **kwargs: Any) -> None:
        step = self.global_step
        with Waiting() as waiting:
            original(self, *args, **kwargs)
        found[step] = waiting.found

    monkeypatch.setattr(GuardedModule, "optimizer_step", watched)
    monkeypatch.setattr(fit, "evaluate_run", lambda folder, loggers: None)
    seldom = ["trainer.max_steps=2", "trainer.val_check_interval=100", "trainer.log_every_n_steps=100"]
    assert lic("train", f"model={model}", *seldom) == 0
    assert found[0] == []


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_what_is_not_finite_is_named_before_a_checkpoint_is_written(
    where: str, lic: Lic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_on_a_gpu: None
) -> None:
    """Step 2 diverges, the checkpoint behind step 4 would be written, and the one behind step 2 stays."""
    original = ImageCodec.losses

    def losses(self: ImageCodec, x: torch.Tensor) -> dict[str, torch.Tensor]:
        terms = original(self, x)
        if self.training and self.global_step == 2:
            bad = float("nan") if where == "loss" else torch.sqrt(0 * terms["loss"])  # 0, and its gradient is not
            terms["loss"] = terms["loss"] + bad
        return terms

    monkeypatch.setattr(ImageCodec, "losses", losses)
    command = ["model=image/factorized", "trainer.max_steps=8", "trainer.val_check_interval=2"]
    command.append("trainer.log_every_n_steps=100")
    assert lic("train", *command) == 1
    (file,) = tmp_path.glob("runs/*/*/failed.json")
    assert f"the {where} is nan at step 2" in file.read_text()
    assert checkpoint_step(RunFolder(file.parent).checkpoint) == 2


def test_a_note_names_the_first_step_and_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    module = GuardedModule()
    monkeypatch.setattr(GuardedModule, "reads_now", False)
    for value in (1.0, 7.0, 9.0):
        module.note("{value:.0f} at step {step}", torch.tensor(value), torch.tensor(value > 5))
    with pytest.raises(NonFiniteLoss, match=r"^7 at step 0$"):
        module.check_notes()
