"""One bar for the run: its total, this attempt's pace, and no waiting for a device."""

from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from common.engine import progress
from common.engine.progress import Pace, StepProgress


def test_the_pace_is_that_of_this_attempt() -> None:
    pace = Pace(total=2000)
    assert pace.said() == ""
    for step, now in ((1001, 50.0), (1002, 52.0), (1011, 70.0)):
        pace.advance(step, now)
    assert pace.rate == pytest.approx(0.5)
    assert pace.said() == "2.00 s a step, 0:32:58 left"


def trainer(step: int) -> Any:
    return SimpleNamespace(
        global_step=step, max_steps=100, log_every_n_steps=42, loggers=[], progress_bar_metrics={"train/loss": 1.25}
    )


@pytest.fixture
def module() -> Any:
    return SimpleNamespace()


def test_the_bar_moves_by_itself_and_begins_where_the_run_resumes(monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
    monkeypatch.setattr(progress, "Console", lambda stderr: Console(force_terminal=True, quiet=True))
    bar = StepProgress()
    bar.on_train_start(trainer(40), module)
    live = bar._bar
    assert live is not None
    (task,) = live.tasks
    assert (task.completed, task.total) == (40, 100)
    assert live.live.auto_refresh and live.live.refresh_per_second >= 0.5, "a clock of its own"
    bar.on_train_batch_end(trainer(41), module, None, None, 0)
    assert (task.completed, task.fields["figures"]) == (41, ""), "figures that no logger has fetched are left alone"
    bar.on_train_batch_end(trainer(42), module, None, None, 0)
    assert (task.completed, task.fields["figures"]) == (42, "loss 1.25")
    bar.on_train_end(trainer(42), module)
    assert not live.live.is_started


def test_where_nobody_watches_there_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], module: Any
) -> None:
    clock = {"now": 0.0}
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock["now"])
    monkeypatch.setattr(progress, "Console", lambda stderr: Console(force_terminal=False, quiet=True))
    bar = StepProgress()
    bar.on_train_start(trainer(40), module)
    for step in range(41, 81):
        clock["now"] += 2.0
        bar.on_train_batch_end(trainer(step), module, None, None, 0)
    said = capsys.readouterr().err
    assert said.splitlines() == ["step 71 of 100: 2.00 s a step, 0:00:58 left, loss 1.25"] and "\r" not in said


def test_other_ranks_say_nothing(module: Any, capsys: pytest.CaptureFixture[str]) -> None:
    bar = StepProgress()
    bar.setup(SimpleNamespace(is_global_zero=False), module, "fit")  # type: ignore[arg-type]
    bar.on_train_start(trainer(0), module)
    bar.on_train_batch_end(trainer(1), module, None, None, 0)
    assert not bar.enabled and capsys.readouterr().err == ""
