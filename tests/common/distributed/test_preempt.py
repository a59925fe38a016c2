"""A signal ends training after the step at hand, and nothing of it is lost."""

import csv
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from common.distributed.preempt import Preempted, Request
from common.engine import fit
from common.run.folder import RunFolder
from common.run.weights import checkpoint_step
from lic_image.module import ImageCodec

Lic = Callable[..., int]
POINT = ["model=image/factorized", "trainer.max_steps=6", "trainer.val_check_interval=6", "trainer.log_every_n_steps=1"]


@pytest.fixture
def request_to_stop() -> Iterator[Request]:
    before = signal.getsignal(signal.SIGUSR2)
    request = Request()
    request.listen([signal.SIGUSR2])
    yield request
    signal.signal(signal.SIGUSR2, before)


@pytest.mark.parametrize("extra", [[], ["trainer.accumulate_grad_batches=2"]], ids=str)
def test_a_run_that_was_asked_to_stop_ends_like_an_undisturbed_one(
    extra: list[str], lic: Lic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request_to_stop: Request
) -> None:
    assert lic("train", *POINT, *extra, "name=whole") == 0
    step = ImageCodec.training_step

    def signalled(self: ImageCodec, batch: Any, index: int) -> Any:
        if self.global_step == 3:
            os.kill(os.getpid(), signal.SIGUSR2)
        return step(self, batch, index)

    with monkeypatch.context() as patch:
        patch.setattr(ImageCodec, "training_step", signalled)
        patch.setattr(fit, "finish_run", lambda folder, *_: fit.fit_and_evaluate(folder, request_to_stop))
        with pytest.raises(Preempted, match="step 4"):
            lic("train", *POINT, *extra, "name=cut")
    (cut,) = (RunFolder(file.parent) for file in tmp_path.glob("runs/cut/*/config.yaml"))
    assert checkpoint_step(cut.checkpoint) == 4, "the step is finished, gradients of all its batches included"
    assert not cut.failure.exists() and not cut.result.exists()
    assert [row["step"] for row in rows(cut)] == ["0", "1", "2", "3"], "and logged"
    assert lic("train", *POINT, *extra, "name=cut") == 0
    (whole,) = (RunFolder(file.parent) for file in tmp_path.glob("runs/whole/*/result.json"))
    assert json.loads(cut.result.read_text()) == json.loads(whole.result.read_text())
    a, b = (torch.load(folder.weights, weights_only=True)["state_dict"] for folder in (whole, cut))
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert rows(whole) == rows(cut)


def rows(folder: RunFolder) -> list[dict[str, str]]:
    with (folder.path / "metrics.csv").open() as file:
        return [row for row in csv.DictReader(file) if row["train/loss"]]


def test_outside_training_it_stops_at_once(request_to_stop: Request) -> None:
    with pytest.raises(Preempted, match="SIGUSR2"):
        os.kill(os.getpid(), signal.SIGUSR2)
    assert request_to_stop.received == signal.SIGUSR2


def test_ctrl_c_saves_after_the_step_at_hand_and_a_second_one_stops_at_once(
    lic: Lic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    step = ImageCodec.training_step
    presses = {"first": 1, "second": 2}

    def pressed(self: ImageCodec, batch: Any, index: int) -> Any:
        if self.global_step == 3:
            for _ in range(presses[name]):
                os.kill(os.getpid(), signal.SIGINT)
        return step(self, batch, index)

    with monkeypatch.context() as patch:
        patch.setattr(ImageCodec, "training_step", pressed)
        for name in presses:
            assert lic("train", *POINT, f"name={name}") == 130
            assert "Ctrl-C again stops at once" in capfd.readouterr().err
    (cut,) = (RunFolder(file.parent) for file in tmp_path.glob("runs/first/*/config.yaml"))
    assert checkpoint_step(cut.checkpoint) == 4
    assert not list(tmp_path.glob("runs/second/*/checkpoints/*"))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert lic("train", *POINT, "name=first") == 0
