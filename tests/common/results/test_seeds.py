"""Runs that differ in their seed alone: means and deviations, and what is not joined."""

import pytest

from common.results.curves import Curve, Point
from common.results.seeds import mean_over_seeds, spread


def test_spread() -> None:
    assert spread([1.0]) == (1.0, None, 1)
    assert spread([1.0, 2.0, 6.0]) == (3.0, pytest.approx(7.0**0.5), 3)  # (4 + 1 + 9) / 2
    assert spread([]) is None and spread([1.0, None]) is None


def test_curves_of_means_keep_what_cannot_be_joined() -> None:
    plain = (Point(0.1, 30.0), Point(0.1, 31.0))
    seeds = tuple(Point(b, 30.0, extra={"lmbda": 1.0, "seed": s}) for b, s in ((0.2, 0), (0.4, 1)))
    clash = tuple(Point(b, 33.0, extra={"lmbda": 2.0, "seed": 0}) for b in (0.5, 0.6))
    curve = mean_over_seeds(Curve("x", "run", (*plain, *seeds, *clash)))
    assert [point.bpp for point in curve.points] == [0.1, 0.1, pytest.approx(0.3), 0.5, 0.6]
    assert curve.points[2].extra == {"lmbda": 1.0, "seeds": 2}
