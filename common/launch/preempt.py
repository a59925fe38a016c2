"""Stopping at a signal: the step at hand is finished, a checkpoint written, and the run goes on from there another day.

A scheduler that wants its machine back sends a signal and waits a little. Saving inside a signal handler could fall
between a gradient and its step, so the handler only asks; the answer comes at the end of the step, on all ranks alike.
"""

import signal
from collections.abc import Collection
from pathlib import Path
from types import FrameType
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint


class Preempted(BaseException):
    """The run was asked to stop, and has: not an error, so nothing that handles errors takes it for one."""


class Request:
    """Whether one of `signals` has arrived in this process since `listen`."""

    def __init__(self) -> None:
        self.received: int | None = None
        self.stoppable = False  # while a training loop will answer

    def listen(self, signals: Collection[int]) -> None:
        for number in signals:
            signal.signal(number, self._take)

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        if not self.stoppable:  # between training and the result nothing is lost that a checkpoint would keep
            raise Preempted(signal.Signals(number).name)


class StopOnRequest(Checkpoint):
    """Saves after the step in which a rank was asked to stop, and stops before the next, when the step has been logged.

    It is of Lightning's checkpoint callbacks, which come after all others.
    """

    def __init__(self, request: Request, path: Path) -> None:
        self.request, self.path = request, path
        self.step, self.saved = 0, False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.step = trainer.global_step
        self.request.stoppable = True

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any, **kwargs: Any) -> None:
        if trainer.global_step == self.step:  # a checkpoint would lose what is accumulated of the gradient
            return
        self.step = trainer.global_step
        asked = self.request.received is not None
        if trainer.world_size > 1:  # the signal may reach ranks in different steps
            asked = trainer.strategy.reduce_boolean_decision(asked, all=False)
        if asked:
            trainer.save_checkpoint(self.path)
            self.saved = True

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *args: Any, **kwargs: Any) -> None:
        if self.saved:
            raise Preempted(f"saved at step {trainer.global_step}")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.request.stoppable = False
