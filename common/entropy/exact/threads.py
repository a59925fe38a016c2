"""Compiled kernels on as many threads as torch uses: they work on parts of arrays and know no interpreter's lock."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from typing import Any

import torch

WORTHWHILE = 1 << 15  # numbers a thread, at least


def in_parts(size: int, length: int, work: Callable[[int, int], Any]) -> None:
    """`work(begin, end)` over all of 0 to `length`, of which there are so many parts; `size` numbers in all."""
    threads = min(torch.get_num_threads(), length, size // WORTHWHILE)
    if threads < 2:
        work(0, length)
        return
    edges = [length * i // threads for i in range(threads + 1)]
    rest = [_pool(threads - 1).submit(work, *pair) for pair in pairwise(edges[1:])]
    work(edges[0], edges[1])
    for part in rest:
        part.result()


@lru_cache(maxsize=4)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "exact")
