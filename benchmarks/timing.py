"""Timing two things side by side, so that whatever else the machine does falls on both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any


def interleaved_medians(
    *functions: Callable[[], Any], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Median seconds of each function, called in turn `rounds` times after one call each to warm up."""
    seconds: list[list[float]] = [[] for _ in functions]
    for function in functions:
        function()
    for _ in range(rounds):
        for function, mine in zip(functions, seconds):
            begin = clock()
            function()
            mine.append(clock() - begin)
    return [statistics.median(mine) for mine in seconds]
