"""Runs that differ in their seed alone: which of them join, and what their figures become."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import mean, stdev
from typing import NamedTuple, TypeVar

from common.results.curves import SETTINGS, Curve, Point

R = TypeVar("R")


class Spread(NamedTuple):
    """Mean and sample standard deviation (dividing by n - 1) of `n` figures; the deviation is None for one."""

    mean: float
    std: float | None
    n: int


def spread(values: Sequence[float | None]) -> Spread | None:
    """The spread of `values`; None where there are none or one is not known.

    >>> spread([30.0, 31.0])
    Spread(mean=30.5, std=0.7071067811865476, n=2)
    """
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known or len(known) < len(values):
        return None
    return Spread(mean(known), stdev(known) if len(known) > 1 else None, len(known))


def averaged(runs: Sequence[R], identity: Callable[[R], tuple[object, ...]]) -> list[list[R]]:
    """`runs` of the same settings in lists over each of which figures are averaged.

    All in one where each has a seed of its own. Where two of one seed differ, they were made with other settings, and
    each is a list.

    Args:
        identity: seed and figures of a run; the same for one that was measured twice, which counts once.
    """
    distinct: dict[tuple[object, ...], R] = {}
    for run in runs:
        distinct.setdefault(identity(run), run)
    seeds = {seed for seed, *_ in distinct}
    return [list(distinct.values())] if len(seeds) == len(distinct) else [[run] for run in distinct.values()]


def mean_over_seeds(curve: Curve) -> Curve:
    """`curve` with one point for each λ, or operating point of a network: means of bpp, PSNR, MS-SSIM in dB, ….

    A point of several seeds carries their number as "seeds" in place of "seed", the points themselves as `of_seeds`,
    and the file of the first, whose pictures stand for it. One run measured twice, as by its training and by `lic eval`
    with other measures, counts once and has the measures of both. Points stay as they are where λ or seed is not said,
    or where two runs of one seed differ: they were made with other settings.
    """
    groups: dict[object, list[Point]] = {}
    for point in curve.points:
        said = point.setting_key and point.extra.get("seed") is not None
        groups.setdefault(tuple(map(point.extra.get, SETTINGS)) if said else id(point), []).append(point)
    runs = [run for points in groups.values() for run in averaged(joined(points), _identity)]
    return replace(curve, points=tuple(_mean_point(points) for points in runs))


def by_seed(curve: Curve) -> dict[object, Curve]:
    """Seed -> the curve of its runs alone, of a curve of means: for the seeds that every point has; none of others."""
    if not any(point.of_seeds for point in curve.points):
        return {}
    runs = [{run.extra.get("seed"): run for run in point.of_seeds or (point,)} for point in curve.points]
    whole = [seed for seed in runs[0] if seed is not None and all(seed in each for each in runs)]
    return {seed: replace(curve, points=tuple(each[seed] for each in runs)) for seed in whole}


def joined(points: Sequence[Point]) -> list[Point]:
    """Points of one curve; those of one run at one setting as one: the first, with what the others measured besides."""
    found: dict[tuple[object, ...], Point] = {}
    for point in points:
        key = (*_identity(point), *map(point.extra.get, SETTINGS))
        known = found.setdefault(key, point)
        if known is not point:
            found[key] = replace(known, extra={**point.extra, **known.extra}, own={**point.own, **known.own})
    return list(found.values())


def _identity(point: Point) -> tuple[object, ...]:
    return point.extra.get("seed"), point.bpp, point.psnr


def _mean_point(points: list[Point]) -> Point:
    if len(points) == 1:
        return points[0]
    points = sorted(points, key=lambda point: point.extra["seed"])
    decibels = _mean([point.quality("ms-ssim-rgb") for point in points])
    known = [key for key in points[0].extra if key not in (*SETTINGS, "seed")]
    figures = {key: _mean([point.extra.get(key) for point in points]) for key in known}
    extra = {**{key: points[0].extra.get(key) for key in SETTINGS}, "seeds": len(points), **figures}
    return Point(
        bpp=mean(point.bpp for point in points),
        psnr=_mean([point.psnr for point in points]),
        ms_ssim=None if decibels is None else 1 - 10 ** (-decibels / 10),
        extra={key: value for key, value in extra.items() if value is not None},
        source=points[0].source,
        own=points[0].own,
        of_seeds=tuple(points),
    )


def _mean(values: Sequence[object]) -> float | None:
    numbers = [value for value in values if isinstance(value, (int, float))]
    found = spread(numbers) if len(numbers) == len(values) else None
    return None if found is None else found.mean
