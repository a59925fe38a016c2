"""Rate-distortion curves and BD-rates of a page: what `web/curves.js` and `web/bd.js` draw, and where they draw it."""

from collections import Counter
from collections.abc import Sequence
from html import escape
from itertools import combinations
from typing import Any

from common.report.bd_table import settings_of
from common.report.html.controls import count, folded, option, select
from common.report.sections import Section
from common.report.tables import to_html
from common.report.words import overrides_in_words
from common.results.bd import BDRate, Method, bd_matrix, doubts
from common.results.bootstrap import Interval, Resampled, interval, resampled
from common.results.curves import METRICS, Curve, Group, Metric, Point, own_of
from common.results.points import decibel, is_number
from common.results.record import Modality, Part

MAX_COMPARED = 40  # curves in the matrix of BD-rates, which takes the square of their number


def curve_part(number: int, section: Section, method: Method) -> tuple[dict[str, Any], str]:
    """What the scripts draw of the page's section `number`, and where: its curves, and their BD-rates by `method`."""
    data = curves_data(section.group, [curve.name for curve in section.shown.curves], section.shared)
    data |= {"bd": bd_data(section.shown, method), "method": method}
    return data, rd_part(number, data) + bd_part(number, data, section)


def rd_part(number: int, data: dict[str, Any]) -> str:
    """The rate-distortion curves of section `number`: a plot for each metric, over all or on one photograph."""
    parts = [option("", _mean(data)), *(option(*part) for part in enumerate(data["parts"]))]
    show = f"<div class=bar>{select('Curves and BD-rates', 'part', parts)}</div>" if data["parts"] else ""
    metrics = data["metrics"]
    known = [i for i in range(len(metrics)) if any(p["mean"][i + 1] is not None for p in _points(data))]
    plots = [
        f"<figure><figcaption>{escape(metrics[i]['title'])}</figcaption>"
        f'<div class="plot" data-metric="{i}"></div></figure>'
        for i in known
    ]
    notes = f"<p class=note>All runs: {escape(overrides_in_words(data['shared']))}</p>" if data["shared"] else ""
    if data["seeds"]:
        notes += "<p class=note data-seeds hidden>On one of them, a point of several seeds is that of the first.</p>"
    if data["unpaired"]:
        named = ", ".join(data["unpaired"][:5]) + (", …" if len(data["unpaired"]) > 5 else "")
        notes += (
            f"<p class=note>In the means only: {escape(named)}. Several files of one result have this name, so nobody "
            "can tell which is which; evaluate again to have them one by one.</p>"
        )
    return (
        f'<div class="live rd" data-section="{number}">{show}<div class="plots">{"".join(plots)}</div>'
        f'<div class="legend" role="group" aria-label="Curves shown"></div>{notes}</div>\n'
    )


def bd_part(number: int, data: dict[str, Any], section: Section) -> str:
    """Every curve's BD-rate against a baseline of the reader's choice, at first the anchor of the report's table, which
    is shown where there are no scripts; nothing where there is nothing to compare."""
    known = list(dict.fromkeys(i for metric in data["bd"].values() for i in metric["curves"]))
    if not known:
        return ""
    anchor = section.comparison.anchor if section.comparison else None
    first = next((i for i in known if section.shown.curves[i] is anchor), known[0])
    options = [option(i, data["curves"][i]["label"], i == first) for i in known]
    return (
        f'<div class="live bd" data-section="{number}" data-mean="{_mean(data)}">'
        "<h3>BD-rate, <span class=of></span></h3>\n"
        f"<div class=bar>{select('Against', 'anchor', options)}</div>"
        "<div class=wide></div><div class=notes></div></div>\n"
        f"<noscript>{''.join(map(to_html, section.bd[:1]))}</noscript>\n"
        f"{''.join(map(folded, section.bd[1:]))}"
    )


def _mean(data: dict[str, Any]) -> str:
    many = len(data["parts"]) > 1
    return f"mean over {count(len(data['parts']), data['unit'])}" if many else "mean over the test set"


def _points(data: dict[str, Any]) -> list[dict[str, Any]]:
    return [point for curve in data["curves"] for point in curve["points"]]


def curves_data(group: Group, labels: Sequence[str], shared: str) -> dict[str, Any]:
    """The curves of `group` and the names of the photographs or clips that they were measured on.

    Args:
        labels: what to call the curves: names without `shared`, the overrides that all runs have.

    Returns:
        {"unit", "metrics": [{"key", "title", "unit", "axis", "sign": -1 where less is better}], "parts": [name],
         "unpaired": names that several files of one result share, so that none of them is among the parts,
         "seeds": whether points are means over several,
         "shared": overrides that the names of all runs have, which their labels lack,
         "curves": [{"name", "label", "kind", "settings": of a classical codec, in words,
                     "points": [{"at": "λ 0.013", "mean": figures, "parts": {number: figures}}]}]}
        where figures are bpp, then of each metric the value or None, of MS-SSIM in dB.
    """
    numbers: dict[str, int] = {}
    unit = Modality.IMAGE.value
    unpaired: dict[str, None] = {}
    own = [measure.key for measure in own_of(group.curves)]
    curves: list[dict[str, Any]] = []
    for curve, label in zip(group.curves, labels):
        points = []
        for point in curve.points:
            clips = point.parts(Modality.VIDEO)
            unit = Modality.VIDEO.value if clips else unit
            found = clips or point.parts(Modality.IMAGE)
            count = Counter(part.name for part in found)
            unpaired |= {name: None for name, number in count.items() if number > 1}
            parts = {
                numbers.setdefault(part.name, len(numbers)): _figures(part, own)
                for part in found
                if count[part.name] == 1
            }
            mean = [_short(point.bpp), *(_short(point.quality(metric)) for metric in METRICS)]
            mean += [_short(point.extra.get(key)) for key in own]
            points.append({"at": at(point), "mean": mean, "parts": parts})
        known = {"name": curve.name, "label": label, "kind": curve.kind, "settings": settings_of(curve)}
        curves.append({**known, "points": points})
    seeds = any(point.extra.get("seeds") for curve in group.curves for point in curve.points)
    metrics = [{"key": m.key, "title": m.title, "unit": m.unit, "axis": m.axis, "sign": m.sign} for m in group.measures]
    names = {"metrics": metrics, "parts": list(numbers), "unpaired": list(unpaired)}
    return {"unit": unit, **names, "seeds": seeds, "shared": shared, "curves": curves}


def at(point: Point) -> str:
    """`λ 0.013`, or the quality of a classical codec; empty where it is not said."""
    key = {"lmbda": "λ"}.get(point.setting_key, point.setting_key)
    return f"{key} {point.setting}" if key else ""


def _figures(part: Part, own: Sequence[str]) -> list[float | None]:
    in_db = decibel(part.ms_ssim) if part.ms_ssim is not None and part.ms_ssim < 1 else None
    return [_short(part.bpp), _short(part.psnr), _short(in_db), *(_short(part.record.get(key)) for key in own)]


def _short(value: Any) -> float | None:
    """Five digits, enough to draw and to read, so that a page of many runs stays small."""
    return float(f"{value:.5g}") if is_number(value) and abs(value) < 1e9 else None


def bd_data(group: Group, method: Method) -> dict[str, Any]:
    """BD-rates of the curves of `group` against each other, by metric.

    Returns:
        {"psnr-rgb": {"curves": [number], "cells": [[[percent, overlap, [number of a note], interval], …], …],
        "notes": [text]}, …}: `cells[anchor][test]`, [None, 0, …] where two curves cannot be compared. `interval` over
        the photographs or clips is [low, high] in percent. It is left out where there is none, and the list of notes
        where there are none of both. Of more than `MAX_COMPARED` curves the first, and all but runs.
    """
    data: dict[str, Any] = {}
    for metric in (measure.key for measure in group.measures):
        chosen = _comparable(group.curves, metric)
        if len(chosen) > 1:
            notes: dict[str, int] = {}
            cells = _cells([group.curves[number] for number in chosen], metric, method, notes)
            data[metric] = {"curves": chosen, "cells": cells, "notes": list(notes)}
    return data


def _comparable(curves: Sequence[Curve], metric: Metric) -> list[int]:
    known = [sum(_short(point.quality(metric)) is not None for point in curve.points) for curve in curves]
    able = [number for number, count in enumerate(known) if count > 1]
    others = [number for number in able if curves[number].kind != "run"]
    runs = [number for number in able if curves[number].kind == "run"]
    return sorted([*others[:MAX_COMPARED], *runs[: max(0, MAX_COMPARED - len(others))]])


def _cells(curves: Sequence[Curve], metric: Metric, method: Method, notes: dict[str, int]) -> list[list[list[Any]]]:
    """The matrix of BD-rates; `notes` gets the numbers of their notes, but for those that the overlap says."""
    intervals = _intervals(curves, metric, method)

    def cell(found: BDRate | None, place: tuple[int, int]) -> list[Any]:
        if found is None:
            return [0.0, 1.0]
        numbers = [notes.setdefault(note, len(notes)) for note in doubts(found)]
        said = [_short(found.percent), round(found.overlap, 3)]
        if place in intervals:
            return [*said, numbers, [_short(intervals[place].low), _short(intervals[place].high)]]
        return [*said, *([numbers] if numbers else [])]

    matrix = bd_matrix(curves, curves, metric, method)
    return [[cell(found, (i, j)) for j, found in enumerate(row)] for i, row in enumerate(matrix)]


def _intervals(curves: Sequence[Curve], metric: Metric, method: Method) -> dict[tuple[int, int], Interval]:
    """(anchor, test) -> the interval of their BD-rate, where there is one."""
    found: dict[tuple[int, int], Interval] = {}
    drawn = [
        (i, curve.name, each)
        for i, curve in enumerate(curves)
        if isinstance(each := resampled(curve, metric), Resampled)
    ]
    for (i, anchor, a), (j, test, b) in combinations(drawn, 2):
        between = interval(a, b, (anchor, test), method)
        if isinstance(between, Interval):
            found |= {(i, j): between, (j, i): between.inverse}
    return found
