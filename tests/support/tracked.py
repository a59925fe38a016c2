"""What the W&B SDK has written offline, read back from its files."""

import json
import struct
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HEADER, BLOCK, CHUNK = 7, 32768, 7  # bytes: the file's header, a block, the header of a chunk
LAST = (1, 4)  # chunks that end a record: a whole one, the last of several


@dataclass
class Tracked:
    """One `offline-run-…` folder."""

    folder: Path
    id: str = ""
    name: str = ""
    group: str = ""
    job_type: str = ""
    tags: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    media: list[str] = field(default_factory=list)
    stored: dict[str, Path] = field(default_factory=dict)  # path inside an artifact -> the file kept for it
    exit_code: int | None = None  # None: never finished

    def curve(self, key: str) -> list[tuple[int, float]]:
        """(step, value) wherever `key` was logged."""
        return [(row["trainer/global_step"], row[key]) for row in self.history if key in row]


def tracked_runs(root: Path, count: int, seconds: float = 300) -> list[Tracked]:
    """The `count` runs that were tracked offline anywhere under `root`, the first finished first.

    W&B's process writes the end of a file a little after `wandb.finish` has returned.
    """
    end = time.monotonic() + seconds
    while True:
        files = sorted(root.glob("**/offline-run-*/run-*.wandb"), key=lambda file: file.stat().st_mtime_ns)
        runs = [read(file) for file in files]
        if len(runs) >= count and all(run.exit_code is not None for run in runs):
            assert len(runs) == count, [run.folder for run in runs]
            return runs
        found = [(run.id, run.exit_code) for run in runs]
        assert time.monotonic() < end, f"{count} finished runs expected: {found}"
        time.sleep(0.05)


def read(file: Path) -> Tracked:
    run = Tracked(file.parent)
    for record in records(file.read_bytes()):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run.id, run.name, run.group = record.run.run_id, record.run.display_name, record.run.run_group
            run.job_type, run.tags = record.run.job_type, list(record.run.tags)
        elif kind == "config":
            update(run.config, record.config.update)
        elif kind == "history":
            run.history.append({})
            update(run.history[-1], record.history.item)
        elif kind == "summary":
            update(run.summary, record.summary.update)
        elif kind == "files":
            run.media += [item.path for item in record.files.files if item.path.startswith("media/")]
        elif kind == "artifact":
            run.stored |= {entry.path: Path(entry.local_path) for entry in record.artifact.manifest.contents}
        elif kind == "exit":
            run.exit_code = record.exit.exit_code
    return run


def update(target: dict[str, Any], items: Iterable[Any]) -> None:
    for item in items:
        *path, last = item.nested_key or [item.key]
        inner = target
        for key in path:
            inner = inner.setdefault(key, {})
        inner[last] = json.loads(item.value_json)


def records(data: bytes) -> Iterator[Any]:
    """W&B's file is LevelDB's log format after a header: blocks of chunks (checksum, length, type), each a part.

    W&B's process may still be writing: a chunk that is not whole yet ends what can be read.
    """
    from wandb.proto.wandb_internal_pb2 import Record

    at, parts = HEADER, b""
    while at + CHUNK <= len(data):
        if (left := BLOCK - at % BLOCK) < CHUNK:
            at += left
            continue
        length, kind = struct.unpack_from("<HB", data, at + 4)
        if at + CHUNK + length > len(data):
            return
        parts += data[at + CHUNK : at + CHUNK + length]
        at += CHUNK + length
        if kind in LAST:
            record = Record()
            record.ParseFromString(parts)
            yield record
            parts = b""
