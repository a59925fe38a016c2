"""A function in a forked process: what crashes or hangs there is an outcome, not the end of the command."""

import faulthandler
import os
import pickle
import resource
import select
import signal
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import torch


class Outcome(NamedTuple):
    """What became of a function: its value, the error it raised, or how its process ended."""

    value: Any = None
    error: BaseException | None = None
    death: str = ""  # "crashed (SIGSEGV)" or "still running after 2 s"


def forked(function: Callable[[], Any], limit: float) -> Outcome:
    """`function()` in a copy of this process, with one thread, for at most `limit` seconds.

    Threads do not survive a fork, so that a library which waits for those it had would wait for ever.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads; see above
        child = os.fork()
    if child == 0:
        os.close(reading)
        _serve(function, writing)
    os.close(writing)
    try:
        return _outcome(child, reading, limit)
    finally:
        os.close(reading)


def _serve(function: Callable[[], Any], writing: int) -> None:
    """The child's whole life."""
    status = 1
    try:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        faulthandler.disable()  # it writes past these
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        torch.set_num_threads(1)
        try:
            answer = Outcome(value=function())
        except BaseException as error:
            answer = Outcome(error=_sendable(error))
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(pickle.dumps(answer))
        status = 0
    finally:
        os._exit(status)


def _sendable(error: BaseException) -> BaseException:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error.with_traceback(None)


def _outcome(child: int, reading: int, limit: float) -> Outcome:
    end, parts = time.monotonic() + limit, []
    while True:
        ready, _, _ = select.select([reading], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return Outcome(death=f"still running after {limit:.0f} s")
        part = os.read(reading, 1 << 20)
        if not part:
            break
        parts.append(part)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return Outcome(death=f"crashed ({signal.Signals(os.WTERMSIG(status)).name})")
    if not parts:
        return Outcome(death=f"ended the process (status {os.WEXITSTATUS(status)})")
    return pickle.loads(b"".join(parts))  # from our own copy
