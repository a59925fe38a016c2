"""What the jobs, launchers and callbacks of one command share. Hydra calls them and hands on nothing of ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from common.distributed.external_ranks import Ranks
from common.engine.outcome import Outcome


@dataclass
class Session:
    """One `lic train` or `lic eval`: the ranks that it was started with, if any, and how its jobs ended so far."""

    ranks: Ranks | None = None
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def status(self) -> int:
        """The exit status of the command: the worst job's."""
        return max((outcome.status for outcome in self.outcomes), default=0)


_current: ContextVar[Session] = ContextVar("session")


@contextmanager
def opened(session: Session) -> Iterator[Session]:
    """Make `session` the current one for the block."""
    token = _current.set(session)
    try:
        yield session
    finally:
        _current.reset(token)


def current() -> Session:
    """The session of the command that runs.

    Raises:
        LookupError: no command does; a job that is called outside of one takes what it needs as arguments.
    """
    return _current.get()
