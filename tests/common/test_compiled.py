"""What is compiled is kept where that can be, and computes where it cannot."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba
import pytest
from numba.core import caching

from common.compiled import jit, own_temporary_folder


def twice(x):  # type: ignore[no-untyped-def]
    return x + x


def refused(*_: Any, **__: Any) -> None:
    raise OSError(errno.EROFS, "Read-only file system")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    yield tmp_path


def hits(function: Any) -> int:
    return sum(function.stats.cache_hits.values())


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
def test_a_cut_file_is_written_anew(cache: Path, suffix: str) -> None:
    assert jit(twice)(2) == 4
    assert hits(again := jit(twice)) == 0 and again(2) == 4 and hits(again) == 1
    (file,) = cache.rglob(f"*.{suffix}")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert hits(damaged := jit(twice)) == 0 and damaged(2) == 4 and hits(damaged) == 0
    assert (mended := jit(twice))(2) == 4 and hits(mended) == 1


def test_a_full_disk_only_costs_time(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(caching.IndexDataCacheFile, "_open_for_write", full)
    assert jit(twice)(3) == 6 and not list(cache.rglob("*.nb?"))


def test_where_neither_the_installation_nor_a_home_takes_it_the_temporary_folder_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for locator in (caching.InTreeCacheLocator, caching.UserWideCacheLocator):
        monkeypatch.setattr(locator, "ensure_cache_path", refused)
    assert jit(twice)(4) == 8 and list(tmp_path.rglob("*.nbc"))
    assert own_temporary_folder() == tmp_path / f"lic-compiled-{os.getuid()}"
    assert not numba.config.CACHE_DIR


def test_where_nothing_takes_it_it_is_compiled_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(caching._CacheLocator, "ensure_cache_path", refused)
    assert jit(twice)(5) == 10


def test_a_temporary_folder_that_others_can_write_to_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = own_temporary_folder()
    assert folder is not None
    folder.chmod(0o777)
    assert own_temporary_folder() is None
