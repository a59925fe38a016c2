"""Peak memory: of a process of its own, as an operating system counts it (`common.memory`)."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

from common.memory import memory

__all__ = ["in_fresh_process", "memory"]

Result = TypeVar("Result")


def in_fresh_process(function: Callable[..., Result], *arguments: Any) -> Result:
    """`function(*arguments)` in a new process, whose peak is nobody else's."""
    with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
        return fresh.submit(function, *arguments).result()
