"""A batch of BD-rates is what `bd_rate` gives for each pair."""

import numpy as np
import pytest

from common.results.bd import METHODS, Method, bd_rate
from common.results.bd_batch import bd_rates, counted
from common.results.curves import Curve, Point


def curve(points: np.ndarray) -> Curve:
    return Curve("a", "run", tuple(Point(float(bpp), float(q)) for bpp, q in points))


def some(rng: np.random.Generator, points: int) -> np.ndarray:
    """60 curves; of some a point costs more for less, of some a point is not known, of some two are left."""
    quality = rng.uniform(28, 38, (60, points))
    bpp = 0.1 * 2 ** ((np.sort(quality) - 28) / 3 + rng.normal(0, 0.3, quality.shape))
    found = np.stack([bpp, np.sort(quality)], axis=-1)
    found[::7, 0, 1] = np.nan
    return rng.permuted(found, axis=1) if points == 5 else found


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("points", [(2, 5), (3, 4), (5, 5), (12, 6)])
def test_a_batch_agrees_with_single_figures(points: tuple[int, int], method: Method) -> None:
    anchors, tests = (some(np.random.default_rng(n), n) for n in points)
    found = bd_rates(anchors, tests, method)
    wanted = [bd_rate(curve(a), curve(b), method=method).percent for a, b in zip(anchors, tests)]
    assert any(each is not None for each in wanted)
    assert found == pytest.approx(
        [np.nan if each is None else each for each in wanted], rel=1e-9, abs=1e-9, nan_ok=True
    )


def test_points_that_count() -> None:
    points = [[0.1, 30.0], [0.2, 29.0], [0.2, 31.0], [0.3, np.nan], [0.0, 20.0], [np.inf, 40.0], [0.4, 31.0]]
    assert counted(np.array([points])).tolist() == [2]
