"""Training photographs out of shards beside loose files, and beside what WebDataset and litdata do by themselves.

python -m benchmarks.data [FOLDER]       (litdata: with the extra `bench`)

Photographs: those in FOLDER, or 300 procedural JPEG files of 512x768. Before each measurement the page cache lets go
of all files, so that local disk is what is read. `setup` is the time to the first photograph; `crops` includes
decoding, in one process, no photograph kept; `read` is the files' bytes alone. litdata is asked for single photographs
by number, in our order, and iterated over in its own; WebDataset is iterated over in its own.
"""

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.timing import interleaved_medians
from common.data.folders import find_pictures, readable
from common.data.packing import pack
from common.data.scenes import still
from common.data.shards import Shards
from common.data.training import Files, Source, TrainingCrops

SHARD, WINDOW, CROP, ROUNDS = 8 << 20, 3, 256, 5


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        measure(Path(sys.argv[1]) if len(sys.argv) > 1 else generated(Path(temporary)), Path(temporary))


def measure(folder: Path, temporary: Path) -> None:
    files = find_pictures([folder])
    packed = pack(folder, temporary / "shards", SHARD, skip=True, workers=os.cpu_count() or 1)
    everything, count = Shards(temporary / "shards", WINDOW), packed.photographs

    def loose() -> Source:
        return Files(readable(find_pictures([folder]))[0])

    def sharded() -> Shards:
        return Shards(temporary / "shards", WINDOW)

    def first(source: Callable[[], Source]) -> None:
        made = source()
        made.read(made.nth(0, 0))

    def crops(source: Callable[[], Source]) -> None:
        data = TrainingCrops(0, CROP, source(), cache_bytes=0)
        for n in range(count // 4):
            data[n]

    def read_files() -> None:
        source = Files(files)
        for n in range(count):
            source.paths[source.nth(0, n)].read_bytes()

    def read_shards() -> None:
        source = sharded()
        for n in range(count):
            source.content(source.nth(0, n))

    peers = {"files": read_files, "webdataset iterated": lambda: read_webdataset(temporary / "shards")}
    if find_spec("litdata"):
        os.environ["LITDATA_DISABLE_VERSION_CHECK"] = "1"  # it asks PyPI
        write_litdata(everything, temporary / "litdata")
        order = [everything.nth(0, n) for n in range(count)]
        peers["litdata iterated"] = lambda: read_litdata(temporary / "litdata", None)
        peers["litdata by number"] = lambda: read_litdata(temporary / "litdata", order)

    def cold(function: Callable[[], Any]) -> Callable[[], None]:
        def run() -> None:
            forget([*files, *temporary.rglob("*.tar"), *temporary.rglob("*.bin")])
            function()

        return run

    rows = {}
    for name, ours, others, number in (
        ("setup", lambda: first(sharded), {"files": lambda: first(loose)}, 1),
        ("crops", lambda: crops(sharded), {"files": lambda: crops(loose)}, count // 4),
        ("read", read_shards, peers, count),
    ):
        seconds = interleaved_medians(*map(cold, (ours, *others.values())), rounds=ROUNDS)
        rows.update(
            {(name, peer): (number / seconds[0], number / s, s / seconds[0]) for peer, s in zip(others, seconds[1:])}
        )
    table = Table("what", "peer", "ours, a second", "peer, a second", "peer's time / ours")
    for (name, peer), (mine, theirs, ratio) in rows.items():
        table.add_row(name, peer, f"{mine:.1f}", f"{theirs:.1f}", f"{ratio:.2f}")
    Console().print(f"{count} photographs, {packed.size / 1e6:.0f} MB in {packed.shards} shards", table)
    print(
        json.dumps(
            {f"{name}_vs_{peer.replace(' ', '_')}": round(ratio, 3) for (name, peer), (*_, ratio) in rows.items()}
        )
    )


def generated(temporary: Path, count: int = 300) -> Path:
    """A folder of procedural photographs."""
    (temporary / "photographs").mkdir()
    for n in range(count):
        Image.fromarray(still(0, n, 512, 768)).save(temporary / "photographs" / f"{n}.jpg", quality=92)
    return temporary / "photographs"


def forget(files: list[Path]) -> None:
    """Have the page cache let go of files."""
    for file in files:
        with _descriptor(file) as descriptor:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


@contextlib.contextmanager
def _descriptor(file: Path) -> Iterator[int]:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def read_webdataset(folder: Path) -> None:
    import webdataset

    shards = sorted(map(str, folder.glob("*.tar")))
    for _ in webdataset.WebDataset(shards, shardshuffle=len(shards)).shuffle(100):
        pass


def write_litdata(shards: Shards, folder: Path) -> None:
    from litdata.streaming import Cache

    cache = Cache(str(folder), chunk_bytes=SHARD)
    for number in range(len(shards)):
        cache[number] = {"image": shards.content(number)[2], "name": str(number)}
    cache.done()
    cache.merge()


def read_litdata(folder: Path, order: list[int] | None) -> None:
    import litdata

    data = litdata.StreamingDataset(str(folder), shuffle=order is None)
    total = sum(len(data[n]["image"]) for n in order) if order else sum(len(item["image"]) for item in data)
    assert total > 0 and np.isfinite(total)


if __name__ == "__main__":
    main()
