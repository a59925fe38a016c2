from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short name: those of sockets may not have more than 107 characters."""
    with TemporaryDirectory(prefix="lic-") as folder:
        yield Path(folder)
