"""How a job ended: returned to who called it, and written into the folder of a run that failed."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from common.errors import fault_of_input
from common.run.folder import LOCK_TIMEOUT, RunFolder

log = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """How a job in `folder` ended; `reason` is None where it went well."""

    folder: Path
    reason: str | None = None
    status: int = 0  # as the exit status of a command: 1 where it failed, 2 where the input was at fault

    @classmethod
    def of(cls, folder: Path, error: Exception) -> "Outcome":
        """Of a job that ended with `error`: its sentence for bad input, its type and text for the rest."""
        if fault := fault_of_input(error):
            return cls(folder, str(fault), status=2)
        return cls(folder, f"{type(error).__name__}: {error}", status=1)


def run_job(job: Callable[[], object], folder: Path) -> Outcome:
    """Call `job`, log how it failed, if it did, and return how it ended."""
    try:
        job()
    except Exception as error:
        outcome = Outcome.of(folder, error)
        log.error("%s", outcome.reason, exc_info=None if outcome.status == 2 else error)
        return outcome
    return Outcome(folder)


@contextmanager
def failing_into(folder: RunFolder) -> Iterator[None]:
    """Write down in `folder`, which this process or its first rank holds, how the block failed."""
    try:
        yield
    except Exception as error:
        folder.fail(str(Outcome.of(folder.path, error).reason))
        raise


@contextmanager
def attempt(folder: RunFolder, patience: float = LOCK_TIMEOUT) -> Iterator[None]:
    """Hold `folder` for the block, and write down in it how that failed in place of how an earlier one did."""
    with folder.lock(patience):
        folder.failure.unlink(missing_ok=True)
        with failing_into(folder):
            yield
