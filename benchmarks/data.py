"""Training photographs out of shards beside loose files, and beside what WebDataset and litdata do by themselves.

python -m benchmarks.data [FOLDER]       (litdata: with the extra `bench`)

Photographs: those in FOLDER, or 300 procedural JPEG files of 512x768. Seconds are processor time with the files in the
page cache: what a machine has to do, whatever its disk and neighbours do. What a slow disk or a file system across a
network is asked for stands beside them: files opened, and bytes read for each byte of photographs (memory maps do not
count). `setup` is everything up to the first photograph; `crops` includes decoding, in one process, no photograph kept;
`read` is the files' bytes alone: ours with their checksums, litdata's mapped only. litdata is asked for photographs by
number, in our order, and iterated over in its own; WebDataset is iterated over in its own.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.timing import interleaved_medians
from common.data.folders import find_pictures, readable
from common.data.image_io import SUFFIXES
from common.data.packing import pack
from common.data.scenes import still
from common.data.shards import Shards
from common.data.training import Files, Source, TrainingCrops

SHARD, WINDOW, CROP, ROUNDS = 8 << 20, 3, 256, 5


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.data", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="of photographs; procedural ones by default")
    folder = parser.parse_args().folder
    sys.addaudithook(_watch)
    with tempfile.TemporaryDirectory() as temporary:
        measure(folder or generated(Path(temporary)), Path(temporary))


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

    def crops(source: Source) -> None:
        data = TrainingCrops(0, CROP, source, cache_bytes=0)
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

    table = Table("what", "by", "a second", "files opened", "bytes read", "time / ours")
    ratios = {}
    for name, ours, others, number in (
        ("setup", lambda: first(sharded), {"files": lambda: first(loose)}, 1),
        ("crops", lambda: crops(sharded()), {"files": lambda: crops(Files(files))}, count // 4),
        ("read", read_shards, peers, count),
    ):
        every = {"shards": ours, **others}
        seconds = interleaved_medians(*every.values(), rounds=ROUNDS, clock=time.process_time)
        for (by, function), mine in zip(every.items(), seconds):
            opened, read = asked_of_the_disk(function)
            ratio = mine / seconds[0]
            table.add_row(name, by, f"{number / mine:.0f}", str(opened), f"{read / packed.size:.2f}", f"{ratio:.2f}")
            if by != "shards":
                ratios[f"{name}_vs_{by.replace(' ', '_')}"] = round(ratio, 3)
    Console().print(f"{count} photographs, {packed.size / 1e6:.0f} MB in {packed.shards} shards", table)
    print(json.dumps(ratios))


def generated(temporary: Path, count: int = 300) -> Path:
    """A folder of procedural photographs."""
    (temporary / "photographs").mkdir()
    for n in range(count):
        Image.fromarray(still(0, n, 512, 768)).save(temporary / "photographs" / f"{n}.jpg", quality=92)
    return temporary / "photographs"


def asked_of_the_disk(function: Callable[[], Any]) -> tuple[int, int]:
    """How often `function` opens files, and how many bytes it reads from them."""
    _opened.clear()
    before = _bytes_read()
    function()
    return len(_opened), _bytes_read() - before


_opened: list[str] = []


def _bytes_read() -> int:
    return int(Path("/proc/self/io").read_text().split()[1])


def _watch(event: str, details: tuple[Any, ...]) -> None:
    if event == "open" and str(details[0]).endswith((".tar", ".bin", ".json", *SUFFIXES)):
        _opened.append(str(details[0]))


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

    data = litdata.StreamingDataset(str(folder), shuffle=order is None, batch_decode=1)
    total = sum(len(data[n]["image"]) for n in order) if order else sum(len(item["image"]) for item in data)
    assert total > 0


if __name__ == "__main__":
    main()
