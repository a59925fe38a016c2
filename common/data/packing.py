"""From a folder of photographs to shards; see ``common.data.shards``."""

import contextlib
import json
import os
import shutil
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.data.folders import find_pictures
from common.data.pictures import read_picture
from common.data.shards import INDEX, KIND
from common.errors import LicError

_AT_ONCE = 32  # photographs in memory for each thread


class Packed(NamedTuple):
    """photographs and shards written, their bytes, and why others were left out."""

    photographs: int
    shards: int
    size: int
    left_out: list[str]


def pack(folder: Path, out: Path, size_limit: int, skip: bool = False, workers: int = 1) -> Packed:
    """Write the photographs under ``folder`` as shards into ``out``, whole or not at all.

    They are dealt to the shards at random, always alike, and decoded once, to be sure of them; what is stored are their
    files as they are. A shard ends with the photograph that takes it to ``size_limit`` bytes.

    Args:
        skip: leave out what cannot be read, rather than stop there.
        workers: threads that decode.

    Raises ``LicError``: no such folder, no photographs, one that cannot be read, something in ``out`` already.
    """
    files = find_pictures([folder])
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise LicError(f"{out} exists and is not an empty folder; name another, or remove it.")
    if not out.absolute().parent.is_dir():
        raise LicError(f"{out} cannot be made: there is no folder {out.absolute().parent}; create it first.")
    left_out: list[str] = []
    order = [files[k] for k in np.random.default_rng(0).permutation(len(files))]
    try:
        with _made_whole(out.absolute()) as beside:
            counts = _write(folder, _read(order, workers, left_out if skip else None), beside, size_limit)
            if not counts:
                raise LicError(f"none of the {len(files)} pictures in {folder} can be read; first: {left_out[0]}")
            sizes = {name: (beside / name).stat().st_size for name in counts}
            entries = [{"url": name, "nsamples": counts[name], "filesize": sizes[name]} for name in counts]
            (beside / INDEX).write_text(json.dumps({**KIND, "shardlist": entries}, indent=1))
    except OSError as error:
        raise LicError(f"{out} cannot be written: {error.strerror or error}.") from error
    return Packed(sum(counts.values()), len(counts), sum(sizes.values()), left_out)


def _read(files: Sequence[Path], workers: int, left_out: list[str] | None) -> Iterator[tuple[Path, bytes]]:
    """Each file with its content, in order; what cannot be decoded goes to ``left_out``, or raises."""

    def load(path: Path) -> bytes | LicError:
        try:
            content = path.read_bytes()
            read_picture(path, content=content)
            return content
        except LicError as error:
            return error
        except OSError as error:
            return LicError(f"{path} cannot be read: {error.strerror or error}.")

    with ThreadPoolExecutor(workers) as pool:
        for at in range(0, len(files), workers * _AT_ONCE):
            some = files[at : at + workers * _AT_ONCE]
            for path, loaded in zip(some, pool.map(load, some)):
                if isinstance(loaded, bytes):
                    yield path, loaded
                elif left_out is not None:
                    left_out.append(str(loaded))
                else:
                    raise LicError(f"{loaded} Nothing was packed; --skip leaves out what cannot be read.")


def _write(folder: Path, photographs: Iterator[tuple[Path, bytes]], out: Path, size_limit: int) -> Counter[str]:
    """Write shards and return how many photographs each holds."""
    from webdataset import ShardWriter  # takes seconds to import

    pattern = str(out).replace("%", "%%") + "/%06d.tar"
    counts: Counter[str] = Counter()
    writer = None
    try:
        for number, (path, content) in enumerate(photographs):
            if writer is None:
                writer = ShardWriter(
                    pattern, maxcount=1 << 60, maxsize=size_limit, verbose=0, encoder=False, mtime=0, user="", group=""
                )
            name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
            about = json.dumps({"name": name, "crc32": zlib.crc32(content)}).encode()
            writer.write({"__key__": f"{number:09d}", path.suffix[1:].lower(): content, "json": about})
            counts[Path(writer.fname).name] += 1
    finally:
        if writer is not None:
            writer.close()
    return counts


@contextlib.contextmanager
def _made_whole(path: Path) -> Iterator[Path]:
    """A folder to fill in place of ``path``: renamed at the end, removed where the block raises."""
    beside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield beside
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(beside, 0o777 & ~umask)  # a temporary folder is private, what it becomes is not
        os.replace(beside, path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)  # where it was not renamed
