"""Training photographs out of shards: tar files of some hundred megabytes, listed in ``index.json``.

A million small files are slow to list, to open and to copy; shards are a few long reads. They are WebDataset's: plain
tar files, each photograph in them the file that it was (no pixel is coded anew), so that ``tar`` and all that reads
WebDataset's read them, too. ``lic data pack`` writes them. A tar file has no table of its members, and scanning it for
one takes 0.3 ms a photograph, too much for dozens of loader processes that each read a few out of every shard. So the
last member, ``__records__`` (WebDataset passes over such names), is a table: where each photograph is, what its file
was called, its checksum. ``index.json`` says where that lies. Then a photograph is one ``pread``.

Why WebDataset and not litdata, and of WebDataset not the loader. What training step n sees must be a function of
(seed, n): the same samples on one rank and on eight, with any number of loader workers, resumed or not. Neither
library's loader does that. WebDataset's is sequential, shuffles in a buffer, and cannot be resumed. litdata's
``StreamingDataset`` (0.2.76) resumes exactly, also on other numbers of ranks and workers, but its order is made for
the ranks that are there at the start: of 718 photographs in batches of 8, not one batch of two ranks was that of one.
So the order is ours, and of the library there remain format, writer and downloads. For these litdata would do as well:
it reads photographs by number, from S3 of itself; iterated over, it is the fastest (``benchmarks/data.py``). What
weighed more: tar is read by everything, litdata's chunks by litdata; it asks PyPI for newer versions of itself whenever
a data set is made; a cut-off chunk it takes for a download that hangs, a flipped bit it passes on (tar does so, too,
but our table has checksums); and it brings boto3 and obstore, some 50 MB, where WebDataset is 0.6 MB of Python with
one small dependency that is not here already (braceexpand).

The order. A pass shuffles the shards, cuts the list into windows of ``window`` shards, and shuffles the photographs
within each window: every photograph once, places in a pass found in any order, without memory of what was read.

    shards      3 0 5 | 1 4 2 | ...            a permutation of (seed, pass)
    window 0    [photographs of 3, 0 and 5]    a permutation of (seed, pass, window)

The trade-off: a wider window mixes better and needs more shards at hand. With ``window`` of all shards, it is a full
shuffle. Two photographs of one shard are never further apart than a window; what keeps that harmless is that ``pack``
deals photographs to shards at random, once. And as steps are cut over ranks and not shards, every *node* reads every
shard once a pass: that is the price of the same samples on any number of ranks.
"""

import json
import os
import zlib
from bisect import bisect_right
from collections import OrderedDict
from io import BufferedReader
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.data.fetching import Remote
from common.data.image_io import read_picture
from common.data.random_streams import Stream, generator
from common.errors import LicError

INDEX, TABLE = "index.json", "__records__"
KIND = {"__kind__": "wids-shard-index-v1", "wids_version": 1}  # WebDataset's own kind of list


class ShardError(LicError):
    """A shard is missing or not what was packed: training on cannot be right."""


class Shard(NamedTuple):
    """One tar file: ``length`` photographs of the set, from ``first`` on."""

    name: str
    first: int
    length: int
    size: int  # bytes
    table: tuple[int, int]  # offset and size in bytes of its list of records


class Record(NamedTuple):
    """One photograph in a shard: the name of the file it was, where its bytes are, and their CRC-32."""

    name: str
    offset: int
    size: int
    crc32: int


class Shards:
    """The photographs packed in ``root``, by number.

    Args:
        root: a folder; or a URL, or a command with ``{}`` for the name of a file (see ``common.data.fetching``).
        window: photographs are shuffled among those of so many shards.
        cache: folder for what is downloaded; needed where ``root`` is not a folder.
        cache_limit: at most so much is kept there: bytes, or ``500M``, ``100G``.

    Raises ``LicError`` where ``root`` holds no shards, ``ShardError`` where one is missing or has another length.
    """

    def __init__(
        self, root: str | Path, window: int = 16, cache: str | None = None, cache_limit: str | int = "100G"
    ) -> None:
        if window < 1:
            raise LicError(f"the shuffling window is {window} shards; it must be at least 1.")
        self.root, self.window = os.path.expanduser(str(root)), window
        self._remote = None if os.path.exists(self.root) else Remote(self.root, cache, cache_limit)
        self.shards = self._listed()
        self._firsts = [shard.first for shard in self.shards]
        self._opened: OrderedDict[int, tuple[BufferedReader, list[Record]]] = OrderedDict()
        self._pass: tuple[tuple[int, int], NDArray[np.int64], NDArray[np.int64]] | None = None
        self._mixed: tuple[tuple[int, int, int], NDArray[np.int64]] | None = None
        if self._remote:
            self._remote.must_hold(2 * window * max(shard.size for shard in self.shards))
        else:
            for shard in self.shards:
                self._checked(shard, Path(self.root) / shard.name)

    def __len__(self) -> int:
        return self.shards[-1].first + self.shards[-1].length

    def said_of(self, number: int) -> dict[str, int]:
        return {}

    def nth(self, seed: int, n: int) -> int:
        """The number of the photograph that is sample ``n``: pass after pass, each shows every photograph once."""
        epoch, position = divmod(n, len(self))
        if self._pass is None or self._pass[0] != (seed, epoch):
            shuffled = generator(seed, epoch, Stream.SHARDS).permutation(len(self.shards))
            ends = np.cumsum([self.shards[s].length for s in shuffled])
            self._pass = (seed, epoch), shuffled, np.append(ends[self.window - 1 : -1 : self.window], ends[-1])
        _, shuffled, ends = self._pass
        window = int(np.searchsorted(ends, position, side="right"))
        if self._mixed is None or self._mixed[0] != (seed, epoch, window):
            inside = [self.shards[s] for s in self._of_window(shuffled, window)]
            numbers = np.concatenate([np.arange(s.first, s.first + s.length) for s in inside])
            self._mixed = (seed, epoch, window), generator(seed, epoch, Stream.WINDOW, window).permutation(numbers)
            if self._remote:
                coming = [self.shards[s] for s in self._of_window(shuffled, window + 1)]
                self._remote.fetch_ahead([(shard.name, shard.size) for shard in coming])
        return int(self._mixed[1][position - (ends[window - 1] if window else 0)])

    def read(self, number: int) -> NDArray[np.uint8]:
        """A photograph, (H, W, 3). Raises ``LicError`` where it is damaged, ``ShardError`` where its shard is."""
        shard, name, content = self.content(number)
        return read_picture(f"{shard}/{name}", content=content).rgb

    def content(self, number: int) -> tuple[str, str, bytes]:
        """The shard that holds a photograph, the name of the file it was, and what that held; raises as ``read``."""
        which = bisect_right(self._firsts, number) - 1
        if which not in self._opened:
            self._open(which)
        self._opened.move_to_end(which)
        file, records = self._opened[which]
        record = records[number - self._firsts[which]]
        content = os.pread(file.fileno(), record.size, record.offset)
        if zlib.crc32(content) != record.crc32:
            raise LicError(
                f"{file.name} is damaged: {record.name} in it is not what was packed; "
                "copy the shard again, or pack anew."
            )
        return str(file.name), record.name, content

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": OrderedDict()}  # files are opened by the process that reads them

    def _of_window(self, shuffled: NDArray[np.int64], window: int) -> NDArray[np.int64]:
        return shuffled[window * self.window : (window + 1) * self.window]

    def _open(self, which: int) -> None:
        shard = self.shards[which]
        if self._remote:
            file = self._remote.fetch(shard.name, shard.size).open("rb")
        else:
            file = self._checked(shard, Path(self.root) / shard.name).open("rb")
        try:
            records = [Record(*row) for row in json.loads(os.pread(file.fileno(), shard.table[1], shard.table[0]))]
        except (ValueError, TypeError):
            records = []
        if len(records) != shard.length:
            file.close()
            raise ShardError(
                f"{file.name} is damaged: its list of photographs is not what {INDEX} says; "
                "copy the shard again, or pack anew."
            )
        self._opened[which] = file, records
        while len(self._opened) > 2 * self.window:
            self._opened.popitem(last=False)[1][0].close()

    def _listed(self) -> list[Shard]:
        try:
            path = self._remote.fetch(INDEX, None) if self._remote else Path(self.root) / INDEX
            content = json.loads(path.read_text())
            shards, first = [], 0
            for entry in content["shardlist"]:
                shards.append(Shard(entry["url"], first, entry["nsamples"], entry["filesize"], tuple(entry["records"])))
                first += entry["nsamples"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read: {error}"
            raise LicError(
                f"{self.root} holds no packed photographs ({INDEX} {reason}); make them with: lic data pack FOLDER OUT."
            ) from error
        if not first:
            raise LicError(f"{self.root} holds no photographs, as its {INDEX} says; pack them again.")
        return shards

    def _checked(self, shard: Shard, path: Path) -> Path:
        size = path.stat().st_size if path.is_file() else None
        if size != shard.size:
            found = "is missing" if size is None else f"is damaged: it has {size} bytes, not {shard.size}"
            raise ShardError(f"{path} {found}; copy the shard again, or pack anew.")
        return path
