"""Hydra applications as verbs of `lic`: Hydra's own flags and messages, our exit status."""

import re
import sys
from collections.abc import Callable, Sequence
from functools import wraps

import hydra
from omegaconf import DictConfig

from common.distributed.external_ranks import ranks
from common.engine.hydra_faults import one_sentence
from common.engine.hydra_flags import show
from common.engine.outcome import Outcome
from common.engine.quoting import quoted
from common.engine.session import Session, opened
from common.errors import LicError, printable
from common.run import resolvers
from common.run.folder import RunFolder
from common.tracking.loggers import check_spelling
from hydra_plugins.lic_conf.source import ConfSource


def without_null(argument: str) -> str:
    """`logger=null` as Hydra takes it on a command line, where `null` is no option of a group: `logger=[]`."""
    group, _, value = argument.partition("=")
    chosen = value == "null" and re.fullmatch(r"\w+", group) and ConfSource("lic", "lic-conf://conf").is_group(group)
    return f"{group}=[]" if chosen else argument


def hydra_application(
    job: Callable[[DictConfig], Outcome],
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
    started = ranks()
    if started and as_rank is None:
        raise LicError(f"`lic {verb}` works in one process: start it once, not once for every rank.")
    if started and as_rank and started.rank:
        return started.follow(as_rank)
    session = Session(started)

    @wraps(job)  # Hydra calls a job's log file after the module that `job` is of
    def noted(cfg: DictConfig) -> Outcome:
        """`job`, whose outcome Hydra drops."""
        session.outcomes.append(job(cfg))
        return session.outcomes[-1]

    application = hydra.main(version_base="1.3", config_path="pkg://conf", config_name=verb)(noted)
    completing = any(argument in ("-sc", "--shell_completion") for argument in argv)

    def apply(arguments: Sequence[str]) -> None:
        sys.argv = ["lic" if completing else f"lic {verb}", *arguments]
        application()

    before = sys.argv
    try:
        with opened(session), one_sentence(argv):
            apply(argv) if completing else show(verb, argv, apply)
    finally:
        sys.argv = before
        if started:
            started.tell(None)
    return session.status
