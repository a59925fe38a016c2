"""Hydra applications as verbs of `lic`: Hydra's own flags and messages, our exit status."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import hydra
from omegaconf import DictConfig

from common.launch import resolvers
from common.launch.quiet import quiet


class Outcome(NamedTuple):
    """How one job of this process ended; `reason` is None where it went well."""

    folder: Path
    reason: str | None
    status: int = 1


# Hydra gives no way to hand a job's outcome to `main` or to its callbacks.
outcomes: list[Outcome] = []


def hydra_application(job: Callable[[DictConfig], None], verb: str, argv: Sequence[str]) -> int:
    """Run `job` under Hydra with the root configuration `verb` and return the exit status: the worst job's."""
    resolvers.register()
    quiet()
    outcomes.clear()
    application = hydra.main(version_base="1.3", config_path="pkg://conf", config_name=verb)(job)
    before, sys.argv = sys.argv, [f"lic {verb}", *argv]
    try:
        application()
    finally:
        sys.argv = before
    return max((outcome.status for outcome in outcomes if outcome.reason), default=0)
