"""Files that are written whole or not at all, and what they hold: text, JSON, CSV. No torch here."""

import contextlib
import csv
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from common.errors import LicError


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`, whole or not at all; folders are made."""
    make_folder(path.parent)
    write_atomically(path, text.encode(errors="backslashreplace"))  # a name of a file may not be UTF-8


def write_json(path: Path, data: Any) -> None:
    """Write strict JSON (no NaN: pass numbers through `finite`), atomically, keys in the given order."""
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """What a file holds; LicError where it cannot be read or is not JSON, which has no NaN and no Infinity."""

    def refuse(constant: str) -> None:
        raise LicError(f"{path} holds {constant}, which is no figure: write null where there is none.")

    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    except OSError as error:
        raise LicError(f"{path} cannot be read: {error.strerror or error}.") from error
    except RecursionError as error:
        raise LicError(f"{path} is not JSON that holds curves: it is nested too deeply.") from error
    except ValueError as error:
        raise LicError(f"{path} is not JSON: {error}.") from error


def write_csv(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Write `records`, which have the same keys, as a table with a heading, whole or not at all."""
    table = StringIO(newline="")
    writer = csv.DictWriter(table, list(records[0]))
    writer.writeheader()
    writer.writerows(records)
    write_text(path, table.getvalue())


def make_folder(path: Path) -> Path:
    """`path`, which is a folder then; LicError where it cannot be one."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LicError(f"{path} cannot be made a folder ({error.strerror}): name another one.") from error
    return path


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all."""
    with written_whole(path) as beside:
        beside.write_bytes(content)


@contextlib.contextmanager
def written_whole(path: Path, durable: bool = False) -> Iterator[Path]:
    """A file in the same folder, to write in place of ``path``: renamed at the end, removed where the block raises.

    ``durable``: it is on the disk before it takes the name, so that a machine that loses power loses no earlier file.
    Raises ``LicError`` for what the file system refuses.
    """
    path = path.resolve() if path.is_symlink() else path  # what it points to is written, as by any other program
    if not path.parent.is_dir():
        raise LicError(f"{path} cannot be written: there is no folder {path.parent}; create it first.")
    if path.exists() and not (path.is_file() or path.is_dir()):  # a device, which a renamed file would take away
        raise LicError(f"{path} cannot be written: it is no file; name one.")
    name = ""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
        os.close(descriptor)
        yield Path(name)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)  # a temporary file is private, what it becomes is not
        if durable:
            with open(name, "rb") as written:
                os.fsync(written.fileno())
        os.replace(name, path)
    except OSError as error:
        raise LicError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(name)  # where it was not renamed


def check_new_folder(path: Path) -> None:
    """Raises ``LicError`` where no new folder ``path`` can be made: something is there, or there is no folder above."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise LicError(f"{path} exists and is not an empty folder; name another, or remove it.")
    if not path.absolute().parent.is_dir():
        raise LicError(f"{path} cannot be made: there is no folder {path.absolute().parent}; create it first.")


@contextlib.contextmanager
def folder_made_whole(path: Path) -> Iterator[Path]:
    """A folder to fill in place of ``path``: renamed at the end, removed where the block raises.

    Raises ``LicError`` for what `check_new_folder` and the file system refuse.
    """
    check_new_folder(path)
    path = path.absolute()
    name = ""
    try:
        name = tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name[:40]}.")
        yield Path(name)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o777 & ~umask)  # a temporary folder is private, what it becomes is not
        os.replace(name, path)
    except OSError as error:
        raise LicError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(name, ignore_errors=True)  # where it was not renamed
