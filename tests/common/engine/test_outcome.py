"""How a job ended: returned, logged, and written into the folder of a run that failed."""

import json
from pathlib import Path

import pytest

from common.engine.outcome import Outcome, attempt, run_job
from common.errors import LicError
from common.run.folder import RunFolder


def broken(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "reason", "status"),
    [
        (LicError("say which."), "say which.", 2),
        (RuntimeError("no memory"), "RuntimeError: no memory", 1),
    ],
)
def test_a_failure_is_returned_and_written_down(error: Exception, reason: str, status: int, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)

    def job() -> None:
        with attempt(folder):
            broken(error)

    assert run_job(job, tmp_path) == Outcome(tmp_path, reason, status)
    assert json.loads(folder.failure.read_text())["reason"] == reason


def test_a_success_takes_an_earlier_failure_away(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.fail("before")

    def job() -> None:
        with attempt(folder):
            pass

    assert run_job(job, tmp_path) == Outcome(tmp_path) and not folder.failure.exists()
