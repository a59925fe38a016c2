"""Runs that differ in their seed alone: means and deviations, and what is not joined."""

from pathlib import Path

import pytest

from common.results.curves import Curve, Point
from common.results.measures import Measure
from common.results.seeds import by_seed, mean_over_seeds, spread


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
    assert curve.points[2].extra == {"lmbda": 1.0, "seeds": 2} and curve.points[2].of_seeds == seeds


def test_a_run_measured_twice_has_the_measures_of_both(tmp_path: Path) -> None:
    """Its training measured PSNR, and `lic eval metric=psnr_b` later another: both are axes of the report."""
    once = Point(0.3, 31.0, extra={"lmbda": 1.0, "seed": 0}, source=tmp_path / "train")
    measure = Measure("psnr_b", "PSNR-B", "dB")
    later = Point(
        0.3, 31.0, extra={"lmbda": 1.0, "seed": 0, "psnr_b": 29.0}, source=tmp_path / "eval", own={"psnr_b": measure}
    )
    for points in ((once, later), (later, once)):
        (found,) = mean_over_seeds(Curve("net", "run", points)).points
        assert found.quality("psnr_b") == 29.0 and found.source == points[0].source


def test_curves_of_single_seeds_are_of_those_that_every_point_has() -> None:
    run = lambda lmbda, seed: Point(lmbda + seed / 10, 30 + lmbda, extra={"lmbda": lmbda, "seed": seed})  # noqa: E731
    points = [run(lmbda, seed) for lmbda, seeds in ((1.0, (0, 1, 2)), (2.0, (2, 0))) for seed in seeds]
    found = by_seed(mean_over_seeds(Curve("x", "run", tuple(points))))
    assert {seed: [point.bpp for point in curve.points] for seed, curve in found.items()} == {
        0: [1.0, 2.0],
        2: [1.2, 2.2],
    }
    alone = mean_over_seeds(Curve("x", "run", (*points, run(3.0, 2))))
    assert list(by_seed(alone)) == [2]
    assert by_seed(Curve("x", "run", tuple(points[:1]))) == {}
