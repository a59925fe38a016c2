"""Freed memory is kept for what comes next, unless the user chose otherwise."""

import os
import resource
import sys
from multiprocessing import get_context

import numpy as np
import pytest

from common.allocator import keep_freed_memory

LARGE = 16 << 20  # bytes


def page_faults(keep: bool, variables: dict[str, str]) -> int:
    """Of 20 large blocks, one after the other, each written and freed."""
    os.environ.update(variables)
    if keep:
        keep_freed_memory()
    np.ones(LARGE, np.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.ones(LARGE, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def in_a_new_process(keep: bool, variables: dict[str, str]) -> int:
    """In a process of its own: this one may keep memory already."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(page_faults, (keep, variables))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's")
def test_a_block_is_not_fetched_and_cleared_again() -> None:
    as_it_is = in_a_new_process(False, {})
    assert in_a_new_process(True, {}) < 0.2 * as_it_is
    assert in_a_new_process(True, {"MALLOC_ARENA_MAX": "2"}) > 0.5 * as_it_is
