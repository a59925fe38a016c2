"""What the jobs of one command share, for as long as it runs."""

from pathlib import Path

import pytest

from common.engine.outcome import Outcome
from common.engine.session import Session, current, opened


def test_a_session_ends_with_its_command() -> None:
    with pytest.raises(RuntimeError), opened(Session()) as session:
        assert current() is session
        raise RuntimeError
    with pytest.raises(LookupError):
        current()


def test_the_worst_job_decides_the_status() -> None:
    assert Session().status == 0
    ended = [Outcome(Path()), Outcome(Path(), "input", 2), Outcome(Path(), "failed", 1)]
    assert Session(outcomes=ended).status == 2
