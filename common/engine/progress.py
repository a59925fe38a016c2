"""How far a run is, on one line: step of all steps, the pace of this attempt, and the figures logged last."""

import logging
import sys
import time
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

log = logging.getLogger(__name__)

SPARSE = 60.0  # seconds between lines where nobody watches


class Pace:
    """Steps a second of this attempt, from the end of its first step on: that one compiles and opens files."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.step = 0
        self._first: tuple[int, float] | None = None
        self._last = 0.0

    def advance(self, step: int, now: float) -> None:
        """`step` steps of the run are done at `now`, in seconds."""
        if self._first is None:
            self._first = (step, now)
        self.step, self._last = step, now

    @property
    def rate(self) -> float | None:
        """Steps a second; None before there are two."""
        if self._first is None or self.step <= self._first[0] or self._last <= self._first[1]:
            return None
        return (self.step - self._first[0]) / (self._last - self._first[1])

    def said(self) -> str:
        """`1.20 steps/s, 0:12:30 left`, as far as it is known."""
        if self.rate is None:
            return ""
        rate = f"{self.rate:.2f} steps/s" if self.rate >= 1 else f"{1 / self.rate:.2f} s a step"
        seconds = int((self.total - self.step) / self.rate)
        return f"{rate}, {seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02} left"


class StepProgress(ProgressBar):
    """One bar for the whole run, redrawn by a clock of its own: its seconds count on during a step of any length.

    Its figures are those that were logged last, so nothing waits for a GPU to draw it. Where stderr is no terminal a
    line is written every minute.
    """

    def __init__(self) -> None:
        super().__init__()
        self.enabled = True
        self._bar: Progress | None = None
        self._task: Any = None
        self._figures = ""
        self._said = 0.0

    def disable(self) -> None:
        self.enabled = False

    def enable(self) -> None:
        self.enabled = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self.enabled:
            return
        self._pace = Pace(int(trainer.max_steps))
        self._said = time.monotonic()
        console = Console(stderr=True)
        if console.is_terminal:
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=20),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[pace]} {task.fields[figures]}", markup=False),
                console=console,
                refresh_per_second=2,
            )
            self._task = self._bar.add_task(
                "training", total=self._pace.total, completed=trainer.global_step, pace="", figures=""
            )
            self._bar.start()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if not self.enabled:
            return
        now = time.monotonic()
        self._pace.advance(trainer.global_step, now)
        every: int = trainer.log_every_n_steps or self._pace.total  # type: ignore[attr-defined]
        if trainer.global_step % every == 0 or trainer.global_step == self._pace.total:  # the loggers fetch them, too
            self._figures = self._read(trainer, pl_module)
        if self._bar is not None:
            self._bar.update(self._task, completed=trainer.global_step, pace=self._pace.said(), figures=self._figures)
        elif now - self._said > SPARSE:
            self._said = now
            told = ", ".join(part for part in (self._pace.said(), self._figures) if part)
            print(f"step {trainer.global_step} of {self._pace.total}: {told}", file=sys.stderr, flush=True)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._describe("validation")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._bar is not None:
            self._figures = self._read(trainer, pl_module)
        self._describe("training")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._stop()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._stop()

    def _describe(self, doing: str) -> None:
        if self._bar is not None:
            self._bar.update(self._task, description=doing)

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _read(self, trainer: Trainer, pl_module: LightningModule) -> str:
        figures = self.get_metrics(trainer, pl_module)
        return ", ".join(
            f"{name.rpartition('/')[2] if name.startswith('train/') else name} {value:.4g}"
            for name, value in figures.items()
            if isinstance(value, (int, float))
        )
