"""Lock files say whether a process is at work. The system releases a lock when its process ends, for any reason."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def take(file: Path) -> IO[str] | None:
    """Lock `file`, made if it is not there, until what is returned is closed; None where another holds it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    opened = file.open("a")
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        opened.close()
        return None
    return opened


@contextmanager
def waiting_for(file: Path, every: float = 0.05) -> Iterator[None]:
    """Hold the lock of `file` for the block, as soon as no other has it; asked again after `every` seconds."""
    while (opened := take(file)) is None:
        time.sleep(every)
    with opened:
        yield


def held(file: Path) -> bool:
    """Whether a process of this machine (or, where the file system tells, of another) holds the lock of `file`."""
    if not file.exists():
        return False
    with file.open() as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
