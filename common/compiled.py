"""Numba's compiler, with a cache on disk where there can be one; coding goes on without."""

import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba
from numba import config
from numba.core.caching import FunctionCache


class Cache(FunctionCache):
    """Numba's, where what cannot be read counts as missing, and what cannot be written is compiled again next time.

    Numba's own lets such errors out of the call of the compiled function: damaged files, full disks, permissions.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # unpickling what is damaged raises all kinds
            with suppress(OSError):
                self.flush()  # else no start would ever write it anew
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(Exception):
            super().save_overload(sig, data)


def jit(function: Callable[..., Any], any_order: bool = False) -> Any:
    """`function` compiled, to run without the interpreter's lock and without a check for division by zero.

    `any_order` lets the compiler reorder sums and fuse products into them: for sums that are exact, and no others.
    What is compiled is kept, in this order, in NUMBA_CACHE_DIR, beside the source, in the user's cache, in a folder of
    the user's own under the temporary one, or nowhere.
    """
    fast = {"reassoc", "contract"} if any_order else False
    compiled: Any = numba.njit(nogil=True, error_model="numpy", fastmath=fast)(function)
    cache = _cache(function)
    if cache is None and (folder := own_temporary_folder()):
        settings: Any = config  # Numba's own, set from the environment
        before, settings.CACHE_DIR = settings.CACHE_DIR, str(folder)
        cache = _cache(function)
        settings.CACHE_DIR = before
    if cache is not None:
        compiled._cache = cache  # what njit(cache=True) does, with this class for Numba's
    return compiled


def _cache(function: Callable[..., Any]) -> Cache | None:
    try:
        return Cache(function)
    except (RuntimeError, OSError):  # no place for it
        return None


def own_temporary_folder() -> Path | None:
    """A folder under the temporary one that nobody else can write to, as a cache is code; None if there can be none."""
    folder = Path(tempfile.gettempdir()) / f"lic-compiled-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    return folder if private else None
