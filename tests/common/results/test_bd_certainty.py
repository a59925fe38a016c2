"""What a BD-rate rests on: points left out by hand, single seeds by hand."""

from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

import pytest
from support.picture_runs import SETTINGS, baseline, runs

from common.results.bd import METHODS, Method, bd_psnr, bd_rate
from common.results.bd_certainty import Range, certainty, leave_one_out, seed_spread
from common.results.bootstrap import Interval, Missing
from common.results.curves import Curve, Point
from common.results.seeds import Spread, mean_over_seeds

ANCHOR = [(0.1, 28.0), (0.2, 31.0), (0.4, 33.0), (0.9, 36.0)]
TEST = [(0.08, 28.5), (0.19, 31.5), (0.35, 33.0), (0.7, 35.0), (1.5, 38.0)]


def curve(points: list[tuple[float, float]], name: str = "test") -> Curve:
    return Curve(name, "run", tuple(Point(*point) for point in points))


@pytest.mark.parametrize("method", METHODS)
def test_every_point_of_either_curve_is_left_out_in_turn(method: Method) -> None:
    rates = [bd_rate(curve(ANCHOR), curve(TEST[:i] + TEST[i + 1 :]), method=method).percent for i in range(5)]
    if method != "cubic":  # which needs the anchor's four points
        rates += [bd_rate(curve(ANCHOR[:i] + ANCHOR[i + 1 :]), curve(TEST), method=method).percent for i in range(4)]
    known = [rate for rate in rates if rate is not None]
    assert len(known) == len(rates)
    found = leave_one_out(curve(ANCHOR), curve(TEST), "psnr-rgb", method)
    assert found == Range(pytest.approx(min(known)), pytest.approx(max(known))) and min(known) < max(known)


def test_leaving_out_a_point_by_hand() -> None:
    # Straight lines of log10(bpp) over dB, 10 dB a decade; the test's middle point lies 1 dB too low.
    anchor, test = curve([(0.1, 30.0), (1.0, 40.0)]), curve([(0.1, 30.0), (10**-0.5, 34.0), (1.0, 40.0)])
    found = leave_one_out(anchor, test, "psnr-rgb", "pchip")
    assert isinstance(found, Range)
    assert found.low == pytest.approx(0)  # without the middle point both are one line
    # Without an end the line through the two others is 0.1 decades too high at the middle point, and right at the end.
    assert found.high == pytest.approx(100 * (10**0.05 - 1))


def test_curves_that_cannot_lose_a_point() -> None:
    two = curve([(0.1, 30.0), (1.0, 40.0)], "two")
    assert leave_one_out(two, two, "psnr-rgb", "pchip") == Missing(
        "no point can be left out, as 2 must stay", ("two", "two")
    )
    four = curve(ANCHOR, "four")
    assert isinstance(leave_one_out(two, four, "psnr-rgb", "pchip"), Range)
    assert isinstance(leave_one_out(two, four, "psnr-rgb", "cubic"), Range)  # PCHIP it is, whatever is left out
    assert leave_one_out(four, four, "psnr-rgb", "cubic") == Missing(
        "no point can be left out, as 4 must stay", ("four", "four")
    )
    far = curve([(0.1, 20.0), (0.2, 25.0), (0.4, 29.0)], "far")
    assert leave_one_out(far, four, "psnr-rgb", "pchip") == Missing(
        "no range, as without one of the points they cannot be compared", ("far", "four")
    )


def joined(folder: Path, name: str, factors: dict[int, float]) -> Curve:
    """A mean over seeds, each of which takes so many times the bits."""
    points = [p for seed, factor in factors.items() for p in runs(folder, name, [factor] * 6, seed).points]
    return mean_over_seeds(Curve(name, "run", tuple(points)))


def test_the_spread_over_seeds_by_hand(tmp_path: Path) -> None:
    anchor = baseline(tmp_path, "JPEG", [1.0] * 6)
    found = certainty(anchor, joined(tmp_path, "net", {0: 0.8, 1: 0.9, 2: 0.82}))
    saved = [-20.0, -10.0, -18.0]
    assert found.seeds == Spread(pytest.approx(mean(saved)), pytest.approx(stdev(saved)), 3)
    assert found.rate.percent == pytest.approx(-16)  # bits of the mean curve are means
    assert isinstance(found.interval, Interval) and found.interval.low == pytest.approx(-16)


def test_seeds_of_two_means_are_compared_with_each_other(tmp_path: Path) -> None:
    a, b = joined(tmp_path, "a", {0: 1.0, 1: 2.0, 7: 9.0}), joined(tmp_path, "b", {0: 0.9, 1: 1.6})
    saved = [-10.0, -20.0]
    assert seed_spread(a, b, "psnr-rgb", "pchip") == Spread(pytest.approx(-15), pytest.approx(stdev(saved)), 2)
    of_anchor = seed_spread(a, baseline(tmp_path, "JPEG", [1.0] * 6), "psnr-rgb", "pchip")
    assert isinstance(of_anchor, Spread) and of_anchor.n == 3
    assert of_anchor.mean == pytest.approx(100 * mean([0, 1 / 2 - 1, 1 / 9 - 1]))


def test_seeds_that_do_not_have_every_point_give_no_spread(tmp_path: Path) -> None:
    anchor, net = baseline(tmp_path, "JPEG", [1.0] * 6), joined(tmp_path, "net", {0: 0.8, 1: 0.9})
    part = mean_over_seeds(replace(net, points=(*net.points[0].of_seeds, *(p.of_seeds[0] for p in net.points[1:]))))
    assert [point.extra.get("seeds") for point in part.points] == [2, None, None, None]
    assert certainty(anchor, part).seeds is None
    assert certainty(anchor, part).missing == (
        Missing("no spread over seeds, as no two seeds have every point", ("net",)),
    )
    assert seed_spread(anchor, runs(tmp_path, "lone", [1.0] * 6), "psnr-rgb", "pchip") is None


def test_published_curves_have_no_interval_and_are_named(tmp_path: Path) -> None:
    published = curve(SETTINGS, "VTM")
    found = certainty(published, baseline(tmp_path, "JPEG", [0.5] * 6))
    assert found.rate.percent is not None and found.interval is None and found.left_out is not None
    assert found.missing == (Missing("no interval without a record of every photograph or clip", ("VTM",)),)


def test_curves_that_cannot_be_compared_have_nothing_else() -> None:
    found = certainty(curve([(0.1, 20.0), (0.2, 21.0)]), curve([(0.1, 30.0), (0.2, 31.0)]))
    assert found.rate.percent is None and found[2:] == (None, None, None, ())
    assert found.quality == bd_psnr(curve([(0.1, 20.0), (0.2, 21.0)]), curve([(0.1, 30.0), (0.2, 31.0)]))
