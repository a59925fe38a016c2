"""Curves of a figure can be told apart, however many there are."""

from common.report.figures.plot import _styles
from common.results.curves import Curve, Point
from common.viz.palette import RUNS


def test_more_runs_than_colours_have_other_markers() -> None:
    curves = [Curve(str(i), "run", (Point(1.0, 30.0),)) for i in range(2 * len(RUNS) + 3)]
    styles = _styles(curves)
    looks = [(style["color"], style["marker"], style.get("markerfacecolor")) for style in styles]
    assert len(set(looks)) == len(curves)
    assert [look[0] for look in looks[: len(RUNS)]] == RUNS and {look[1] for look in looks[: len(RUNS)]} == {"o"}
