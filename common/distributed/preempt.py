"""Stopping at a signal: the present step is finished, a checkpoint is written, and the run continues later.

A scheduler that wants its machine back sends a signal and waits a little. Saving inside a signal handler could fall
between a gradient and its step. So the handler only sets a flag; it is read at the end of the step, on all ranks alike.
Ctrl-C is such a signal; a second one stops at once.
"""

import os
import signal
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

# Ranks agree on whether to stop, for which the host waits for the GPU: not at every step.
AGREE_EVERY = 5


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
        again = self.received is not None
        self.received = number
        if number == signal.SIGINT:
            if again or not self.stoppable:
                raise KeyboardInterrupt
            with suppress(OSError):  # a handler may interrupt a `print`, so it does not call it
                os.write(2, b"\nThe step at hand is finished, then a checkpoint saved; Ctrl-C again stops at once.\n")
        elif not self.stoppable:  # between training and the result nothing is lost that a checkpoint would keep
            raise Preempted(signal.Signals(number).name)

    def ended(self, what: str) -> BaseException:
        """What is raised when the run has stopped as it was asked to."""
        return KeyboardInterrupt(what) if self.received == signal.SIGINT else Preempted(what)


@contextmanager
def at_keyboard(request: Request | None) -> Iterator[Request | None]:
    """`request`, or where there is none, one that Ctrl-C makes while the block runs, if this thread takes signals."""
    if request is not None or threading.current_thread() is not threading.main_thread():
        yield request
        return
    request = Request()
    before = signal.getsignal(signal.SIGINT)
    request.listen([signal.SIGINT])
    try:
        yield request
    finally:
        signal.signal(signal.SIGINT, before)


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
            if pl_module.device.type != "cpu" and self.step % AGREE_EVERY:
                return
            asked = trainer.strategy.reduce_boolean_decision(asked, all=False)
        if asked:
            trainer.save_checkpoint(self.path)
            self.saved = True

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *args: Any, **kwargs: Any) -> None:
        if self.saved:
            raise self.request.ended(f"saved at step {trainer.global_step}")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.request.stoppable = False
