"""Parts of an array, each worked on once, on as many threads as torch uses."""

from collections.abc import Iterator
from threading import get_ident

import numpy as np
import pytest
import torch

from common.entropy.exact.threads import WORTHWHILE, in_parts


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("length", [1, 2, 7, 4 * WORTHWHILE + 1])
def test_every_number_is_worked_on_once(threads: int, length: int) -> None:
    times = np.zeros(length, int)
    parts: list[tuple[int, int, int]] = []

    def work(begin: int, end: int) -> None:
        times[begin:end] += 1
        parts.append((begin, end, get_ident()))

    in_parts(max(length, 4 * WORTHWHILE), length, work)
    assert (times == 1).all() and len(parts) == min(threads, length)


def test_few_numbers_stay_on_the_callers_thread(threads: int) -> None:
    callers: list[int] = []
    in_parts(WORTHWHILE, 100, lambda begin, end: callers.append(get_ident()))
    assert callers == [get_ident()]


def test_an_error_on_another_thread_is_raised_here() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)

    def work(begin: int, end: int) -> None:
        if begin:
            raise ArithmeticError("of a part")

    try:
        with pytest.raises(ArithmeticError, match="of a part"):
            in_parts(4 * WORTHWHILE, 10, work)
    finally:
        torch.set_num_threads(before)
