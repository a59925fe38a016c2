"""Hydra applications as verbs of `lic`: Hydra's own flags and messages, our exit status."""

import logging
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import hydra
from omegaconf import DictConfig

import conf
from common.distributed.external_ranks import Ranks, ranks
from common.engine.hydra_faults import one_sentence
from common.engine.hydra_flags import show
from common.engine.quoting import quoted
from common.errors import LicError, fault_of_input, printable
from common.run import resolvers
from common.run.folder import LOCK_TIMEOUT, RunFolder
from common.tracking.loggers import check_spelling
from common.warning_filters import quiet

log = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """How one job of this process ended; `reason` is None where it went well."""

    folder: Path
    reason: str | None
    status: int = 1  # 2 where the input was at fault


# The ranks that this process was started with, by torchrun or srun.
started: Ranks | None = None

# Hydra gives no way to hand a job's outcome to `main` or to its callbacks.
outcomes: list[Outcome] = []


def _outcome(folder: Path, error: Exception) -> Outcome:
    """What is remembered of a job that ended with `error`: a sentence for bad input, type and text for the rest."""
    if fault := fault_of_input(error):
        return Outcome(folder, str(fault), status=2)
    return Outcome(folder, f"{type(error).__name__}: {error}")


@contextmanager
def failing_into(folder: RunFolder) -> Iterator[None]:
    """Write down in `folder`, which this process or its first rank holds, how the block failed."""
    try:
        yield
    except Exception as error:
        folder.fail(str(_outcome(folder.path, error).reason))
        raise


@contextmanager
def attempt(folder: RunFolder, patience: float = LOCK_TIMEOUT) -> Iterator[None]:
    """Hold `folder` for the block, and write down in it how that failed in place of how an earlier one did."""
    with folder.lock(patience):
        folder.failure.unlink(missing_ok=True)
        with failing_into(folder):
            yield


def run_job(job: Callable[[], object], folder: Path) -> None:
    """Call `job`; log how it failed, if it did, and remember the outcome."""
    try:
        job()
        ended = Outcome(folder, None)
    except Exception as error:
        ended = _outcome(folder, error)
        log.error("%s", ended.reason, exc_info=None if ended.status == 2 else error)
    outcomes.append(ended)


def without_null(argument: str) -> str:
    """`logger=null` as Hydra takes it on a command line, where `null` is no option of a group: `logger=[]`."""
    group, _, value = argument.partition("=")
    chosen = value == "null" and re.fullmatch(r"\w+", group) and (Path(conf.__path__[0]) / group).is_dir()
    return f"{group}=[]" if chosen else argument


def hydra_application(
    job: Callable[[DictConfig], None],
    verb: str,
    argv: Sequence[str],
    as_rank: Callable[[RunFolder], None] | None = None,
) -> int:
    """Run `job` under Hydra with the root configuration `verb` and return the exit status: the worst job's.

    Where several processes were started as one, only the first does; the others call `as_rank` for each of its jobs.

    Raises:
        LicError: there are several, and no `as_rank`.
    """
    if strange := [argument for argument in argv if printable(argument) != argument]:
        raise LicError(f"{strange[0]} is not UTF-8, and no configuration can hold it: rename it, or link to it.")
    argv = [quoted(argument) for argument in argv]
    check_spelling(argv)
    argv = [without_null(argument) for argument in argv]
    resolvers.register()
    outcomes.clear()
    global started
    started = ranks()
    quiet()
    if started:
        if as_rank is None:
            started = None
            raise LicError(f"`lic {verb}` works in one process: start it once, not once for every rank.")
        if started.rank:
            return started.follow(as_rank)
    application = hydra.main(version_base="1.3", config_path="pkg://conf", config_name=verb)(job)
    completing = any(argument in ("-sc", "--shell_completion") for argument in argv)

    def apply(arguments: Sequence[str]) -> None:
        sys.argv = ["lic" if completing else f"lic {verb}", *arguments]
        application()

    before = sys.argv
    try:
        with one_sentence(argv):
            apply(argv) if completing else show(verb, argv, apply)
    finally:
        sys.argv = before
        if started:
            started.tell(None)
            started = None
    return max((ended.status for ended in outcomes if ended.reason), default=0)
