"""Files of a data set that lies elsewhere, downloaded when they are needed and kept for a while.

Downloading is WebDataset's: ``https://`` and ``sftp://`` by curl, ``gs://`` by gsutil, ``hf://`` from Hugging Face, and
anything else by a command with ``{}`` in the place of the file's name: ``pipe:aws s3 cp s3://bucket/set/{} -``.
"""

import contextlib
import fcntl
import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path

from common.errors import LicError

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def byte_count(text: str | int) -> int:
    """``64M`` -> 67108864: bytes, or K, M, G, T of them by 1024. Raises ``LicError`` for what is no size above 0."""
    digits = str(text).upper().removesuffix("B")
    unit = digits[-1:] if digits[-1:] in _UNITS else ""
    with contextlib.suppress(ValueError, OverflowError):
        if (count := int(float(digits.removesuffix(unit)) * _UNITS[unit])) > 0:
            return count
    raise LicError(f"'{text}' is not a size; write for example 500M or 1G.")


class Remote:
    """The files under ``root``, a URL or a ``pipe:`` command, with copies in ``cache``.

    Processes of one machine share the copies: what one downloads, the others wait for. Copies that were made first
    are deleted where the next would take them beyond ``limit`` bytes (several at a time may overshoot by as many).
    """

    def __init__(self, root: str, cache: str | None, limit: str | int) -> None:
        if ":" not in root:
            raise LicError(f"{root} does not exist; check the path to the packed photographs.")
        if root.startswith("pipe:") and "{}" not in root:
            raise LicError(f"the command '{root}' has no {{}}, which is where the name of a file goes.")
        if cache is None:
            raise LicError(f"{root} is to be downloaded; say where to, with data.cache=FOLDER.")
        self.root, self.limit = root, byte_count(limit)
        self.cache = Path(cache) / hashlib.sha256(root.encode()).hexdigest()[:16]  # sets share names of files
        for folder in (self.cache / "files", self.cache / "locks"):
            folder.mkdir(parents=True, exist_ok=True)

    def must_hold(self, size: int) -> None:
        """Raises ``LicError`` where the limit is below ``size`` bytes: what is at hand would be loaded again."""
        if self.limit < size:
            raise LicError(
                f"data.cache_limit is {self.limit} bytes and two shuffling windows are {size}; "
                "raise it, or take a smaller data.window."
            )

    def fetch(self, name: str, size: int | None) -> Path:
        """The copy of a file, downloaded where there is none of ``size`` bytes; None has it downloaded in any case."""
        path = self.cache / "files" / name
        with (self.cache / "locks" / name).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if path.exists() and path.stat().st_size == size:
                return path
            self._download(name, path, self.limit - (size or 0))
            if size not in (None, path.stat().st_size):
                found = path.stat().st_size
                path.unlink()
                raise LicError(f"{self._url(name)} is damaged: {found} bytes came, not {size}; upload it again.")
        return path

    def fetch_ahead(self, files: Sequence[tuple[str, int]]) -> None:
        """Begin to download (name, size); what goes wrong is found out when the file is needed."""

        def all_of_them() -> None:
            with contextlib.suppress(LicError, OSError):
                for name, size in files:
                    self.fetch(name, size)

        if files:
            threading.Thread(target=all_of_them, daemon=True).start()

    def _download(self, name: str, path: Path, room: int) -> None:
        """Download beside at most ``room`` bytes that stay."""
        from webdataset.cache import LRUCleanup, download  # imports torch, which packing has no use for

        try:
            LRUCleanup(str(path.parent), room, interval=None).cleanup()
            download(self._url(name), str(path))
        except (OSError, ValueError, ImportError) as error:
            raise LicError(f"{self._url(name)} cannot be downloaded ({error}); check the address.") from error

    def _url(self, name: str) -> str:
        return self.root.replace("{}", name) if "{}" in self.root else f"{self.root.rstrip('/')}/{name}"
