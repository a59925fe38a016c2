"""From a folder of photographs to shards; see ``common.data.shards``."""

import io
import json
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from common.data.folders import as_path, find_pictures
from common.data.image_io import read_picture
from common.data.shards import INDEX, KIND, TABLE, Record
from common.errors import LicError
from common.io import check_new_folder, folder_made_whole

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
    folder = as_path(folder)
    files = find_pictures([folder])
    check_new_folder(out)
    left_out: list[str] = []
    order = [files[k] for k in np.random.default_rng(0).permutation(len(files))]
    with folder_made_whole(out) as beside:
        written = _write(folder, _read(order, workers, left_out if skip else None), beside, size_limit)
        if not written:
            raise LicError(f"none of the {len(files)} pictures in {folder} can be read; first: {left_out[0]}")
        entries = [_finish(shard, files_in_it) for shard, files_in_it in written.items()]
        (beside / INDEX).write_text(json.dumps({**KIND, "shardlist": entries}, indent=1))
    photographs, size = (sum(entry[key] for entry in entries) for key in ("nsamples", "filesize"))
    return Packed(photographs, len(entries), size, left_out)


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


def _write(
    folder: Path, photographs: Iterator[tuple[Path, bytes]], out: Path, size_limit: int
) -> dict[Path, list[tuple[str, int]]]:
    """Write shards and return name and CRC-32 of the files in each."""
    from webdataset import ShardWriter  # takes seconds to import

    pattern = str(out).replace("%", "%%") + "/%06d.tar"
    written: dict[Path, list[tuple[str, int]]] = {}
    writer = None
    try:
        for number, (path, content) in enumerate(photographs):
            if writer is None:
                writer = ShardWriter(
                    pattern, maxcount=1 << 60, maxsize=size_limit, verbose=0, encoder=False, mtime=0, user="", group=""
                )
            writer.write({"__key__": f"{number:09d}", path.suffix[1:].lower(): content})
            name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
            written.setdefault(Path(writer.fname), []).append((name, zlib.crc32(content)))
    finally:
        if writer is not None:
            writer.close()
    return written


def _finish(shard: Path, files: list[tuple[str, int]]) -> dict[str, Any]:
    """Add the list of records to a shard and return what the index says of it."""
    with tarfile.open(shard, "a", format=tarfile.USTAR_FORMAT) as tar:
        places = [(member.offset_data, member.size) for member in tar.getmembers()]
        rows = [Record(name, *place, crc32) for (name, crc32), place in zip(files, places, strict=True)]
        table = json.dumps(rows).encode()
        about = tarfile.TarInfo(TABLE)
        about.size = len(table)
        offset = tar.offset + tarfile.BLOCKSIZE
        tar.addfile(about, io.BytesIO(table))
    size = shard.stat().st_size
    return {"url": shard.name, "nsamples": len(rows), "filesize": size, "records": [offset, len(table)]}
