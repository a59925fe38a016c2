"""A hundred kills at random moments: whatever was being written is the old or the new whole file."""

import csv
import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from itertools import count, cycle
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image
from support import textured

from common.data.image_io import read_picture, write_picture
from common.data.packing import pack
from common.data.video_files import Clip
from common.data.video_writing import write_clip
from common.io import write_atomically, write_csv, write_json, write_text
from common.report.figures.gallery import save_stacked
from common.run.checkpoints import load_whole, save_whole
from common.run.folder import RunFolder

KILLS = 100
SIZE = 5_000


class Writer(NamedTuple):
    """`write` what the number says, to a name in the folder; `read` the number back, if all of it is there."""

    write: Callable[[Path, int], object]
    read: Callable[[Path], int]
    name: str = "file"


def only(values: object) -> int:
    """The one value that is everywhere."""
    (value,) = set(np.asarray(values).reshape(-1).tolist())
    return int(value)


def only_byte(path: Path) -> int:
    return only([*path.read_bytes()])


def only_word(path: Path) -> int:
    return only([*map(int, path.read_text().split())])


def picture(n: int) -> np.ndarray:
    return np.full((100, 200, 3), n, np.uint8)


def table(path: Path) -> int:
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == SIZE // 10
    return only([int(row["n"]) for row in rows])


def configured(path: Path) -> int:
    return only(OmegaConf.to_container(RunFolder(path.parent).config())["n"])  # type: ignore[call-overload]


def clip(path: Path) -> int:
    frames = list(Clip(path))
    assert len(frames) == 4
    return only(frames)


def adopt(path: Path, n: int) -> None:
    RunFolder(path.parent).adopt(OmegaConf.create({"n": [n] * 100}))


WRITERS = {
    "bytes": Writer(lambda path, n: write_atomically(path, bytes([n]) * SIZE * 10), lambda p: only([*p.read_bytes()])),
    "text of a report": Writer(
        lambda path, n: write_text(path, f"{n} " * SIZE), lambda p: only([*map(int, p.read_text().split())])
    ),
    "result": Writer(lambda path, n: write_json(path, [n] * SIZE), lambda path: only(json.loads(path.read_text()))),
    "table": Writer(lambda path, n: write_csv(path, [{"n": n}] * (SIZE // 10)), table),
    "checkpoint": Writer(
        lambda path, n: save_whole({"n": torch.full((SIZE * 4,), n), "list": [n] * 1000}, path),
        lambda path: only([only(part) for part in load_whole(path).values()]),
    ),
    "configuration": Writer(adopt, configured, "config.yaml"),
    "picture": Writer(lambda path, n: write_picture(path, picture(n)), lambda p: only(read_picture(p).rgb), "a.png"),
    "sheet": Writer(
        lambda path, n: save_stacked([Image.fromarray(picture(n))] * 2, path),
        lambda path: only(read_picture(path).rgb),
        "a.png",
    ),
    "clip": Writer(lambda path, n: write_clip(path, iter([picture(n)] * 4), 25), clip, "a.mkv"),
}


def killed_while(write: Callable[[int], object], numbers: Iterator[int], after: float) -> None:
    """A process that writes on and on, killed."""
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            write(next(numbers))
            os.write(told, b"x")
            for n in numbers:
                write(n)
        finally:
            os._exit(1)
    os.close(told)
    begun = os.read(ready, 1)
    os.close(ready)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert begun and os.WIFSIGNALED(status), "the writer failed by itself"


@pytest.mark.parametrize("name", WRITERS)
def test_the_old_or_the_new_whole_file(name: str, tmp_path: Path) -> None:
    write, read, file = WRITERS[name]
    moment, path = random.Random(name), tmp_path / file
    for _ in range(KILLS // len(WRITERS)):
        killed_while(lambda n: write(path, n), cycle(range(20, 256)), moment.uniform(0, 0.02))
        assert read(path) in range(20, 256)
        write(path, 7)  # what is left over is not in the way
        assert read(path) == 7


def test_a_file_that_is_written_in_place_would_be_found(tmp_path: Path) -> None:
    moment, path = random.Random(0), tmp_path / "file"
    for _ in range(KILLS):
        killed_while(lambda n: path.write_bytes(bytes([n]) * 5_000_000), cycle((20, 21)), moment.uniform(0, 0.02))
        if len(set(path.read_bytes())) != 1 or path.stat().st_size != 5_000_000:
            return
    pytest.fail(f"{KILLS} kills left whole files")


def test_shards_are_packed_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "photographs").mkdir()
    for n in range(6):
        Image.fromarray(textured(40, 50, n)).save(tmp_path / "photographs" / f"{n}.png")
    moment = random.Random(0)
    for kill in range(KILLS // 10):
        out = tmp_path / f"packed{kill}"
        killed_while(
            lambda n, out=out: pack(tmp_path / "photographs", out / str(n), 4000), _in(out), moment.uniform(0, 0.02)
        )
        for made in out.glob("[0-9]*"):
            index = json.loads((made / "index.json").read_text())
            assert sum(entry["nsamples"] for entry in index["shardlist"]) == 6
            assert all((made / entry["url"]).stat().st_size == entry["filesize"] for entry in index["shardlist"])


def packed(photographs: Path, out: Path, n: int) -> None:
    pack(photographs, out / str(n), 4000)


def _in(out: Path) -> Iterator[int]:
    out.mkdir()
    return count()
