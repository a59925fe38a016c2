"""Schedules in proportions of the run."""

import pytest
import torch

from common.errors import LicError
from common.schedules import cosine, steps, unchanged


def rates(scheduler_of: object, total: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    scheduler = scheduler_of(optimizer, total)  # type: ignore[operator]
    seen = []
    for _ in range(total):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


def test_steps_by_hand() -> None:
    seen = rates(lambda o, n: steps(o, n, [110, 35, 35], [1, 0.1, 0.01]), 18)
    assert seen == pytest.approx([2.0] * 11 + [0.2] * 4 + [0.02] * 3)


def test_the_same_recipe_at_another_budget() -> None:
    long = rates(lambda o, n: steps(o, n, [0.5, 0.5], [1, 0.1]), 40)
    assert long == pytest.approx([2.0] * 20 + [0.2] * 20)


def test_steps_need_as_many_factors_as_fractions() -> None:
    with pytest.raises(LicError, match="as many fractions as factors"):
        rates(lambda o, n: steps(o, n, [1], [1, 2]), 4)


def test_cosine_rises_falls_and_ends_low() -> None:
    seen = rates(lambda o, n: cosine(o, n, warmup=0.1, final=0.02), 200)
    assert max(seen) == pytest.approx(2.0, rel=1e-3) and 15 < seen.index(max(seen)) < 25
    assert seen[-1] < 0.05 and seen[0] < 0.2
    assert seen[110] == pytest.approx(2.0 * (0.02 + 0.98 * 0.5), rel=0.02)


def test_an_unchanged_rate() -> None:
    assert rates(unchanged, 7) == [2.0] * 7
