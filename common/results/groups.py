"""Groups what may share a table, removes repeated measurements, and makes names unique."""

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from common.results.collect import content_of
from common.results.curves import Curve, Group, Point
from common.results.flow_results import Score, ScoreGroup
from common.results.origin import Origin
from common.results.point_names import distinct
from common.results.record import read_record


def group(curves: Sequence[Curve], published: Sequence[Curve] = ()) -> list[Group]:
    """Curves by (protocol, pictures or clips), those with most runs first; `published` join the groups that they fit.

    Files of published curves rarely say what they were measured on: that they fit every group is the word of who passes
    them. Those of the package say it (`common.results.origin`). The same pictures under another name
    ("kodak 24 pictures 5f2c91ab", "Kodak24 24 pictures 5f2c91ab") are the same data set.
    """
    groups: dict[tuple[str | None, str | None], list[Curve]] = {}
    for curve in curves:
        groups.setdefault((curve.protocol, content_of(curve.dataset)), []).append(curve)
    ordered = sorted(groups.values(), key=lambda members: -sum(curve.kind == "run" for curve in members))
    if not ordered and any(curve.origin is None for curve in published):
        ordered = [[]]
    joined = [
        distinctly_named(each_once([*members, *(curve for curve in published if fits(curve, members))]))
        for members in ordered
    ]
    return [Group(members[0].protocol, members[0].dataset, tuple(members)) for members in joined]


def fits(published: Curve, members: Sequence[Curve]) -> bool:
    """Whether a published curve may share a table with `members`, all of one protocol and set."""
    origin = published.origin
    if origin is None:
        return True
    measured = [curve for curve in members if curve.kind != "published"]
    conditions = [read_record(curve.source).conditions if curve.source else None for curve in measured]
    alike = all(origin.is_by(curve.protocol, each) for curve, each in zip(measured, conditions))
    return alike and any(origin.is_of(curve.dataset) for curve in measured)


def unmatched(groups: Sequence[Group], published: Sequence[Curve]) -> dict[str, list[Origin]]:
    """The names of those packaged curves among `published` of which no curve joined one of `groups`, and their sets."""
    joining = {curve.origin.key for curve in published if curve.origin and any(fits(curve, g.curves) for g in groups)}
    left: dict[str, list[Origin]] = {}
    for curve in published:
        if curve.origin and curve.origin.key not in joining:
            left.setdefault(curve.origin.key, []).append(curve.origin)
    return left


def group_scores(scores: Sequence[Score]) -> list[ScoreGroup]:
    """Scores by (protocol, test sets), those with most runs first."""
    groups: dict[tuple[str | None, str | None], list[Score]] = {}
    for each in scores:
        groups.setdefault((each.protocol, each.dataset), []).append(each)
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    return [ScoreGroup(*key, tuple(members)) for key, members in ordered]


def shortly_named(whole: Group) -> tuple[Group, str]:
    """`whole` with runs named without the overrides that all of them have, and those."""
    labels, shared = distinct([curve.name for curve in whole.of_kind("run")])
    names = iter(labels)
    curves = (replace(curve, name=next(names)) if curve.kind == "run" else curve for curve in whole.curves)
    return whole._replace(curves=tuple(curves)), shared


def each_once(curves: Sequence[Curve]) -> list[Curve]:
    """`curves` without those that repeat the measurement of another: a classical codec of a sweep and of `lic bench`.

    Two curves of one name and kind are one measurement where they agree at the settings that both have (points without
    settings: in all); what only one was measured at joins the other. Where classical codecs do not agree both are kept,
    with a note. Runs stay as they are.
    """
    kept: list[Curve] = []
    for curve in curves:
        same = [i for i, k in enumerate(kept) if (k.name, k.kind) == (curve.name, curve.kind) and curve.kind != "run"]
        alike = next((i for i in same if _agree(kept[i], curve)), None)
        if alike is not None:
            known = {_setting(point) for point in kept[alike].points}
            more = [point for point in curve.points if _setting(point) not in known]
            kept[alike] = replace(kept[alike], points=(*kept[alike].points, *more))
            continue
        if same and curve.kind == "baseline":
            versions = dict.fromkeys(each.description for each in (*(kept[i] for i in same), curve) if each.description)
            said = f" ({' / '.join(versions)})" if len(versions) > 1 else ""
            note = f"{curve.name} was measured more than once, with other figures{said}: all are shown."
            kept = [replace(k, note=note) if i in same else k for i, k in enumerate(kept)]
            curve = replace(curve, note=note)
        kept.append(curve)
    return kept


def _agree(a: Curve, b: Curve) -> bool:
    points = {_setting(point): point for point in b.points}
    both = [(point, points[_setting(point)]) for point in a.points if _setting(point) in points]
    if None in points or any(_setting(point) is None for point in a.points):
        both = list(zip(a.points, b.points)) if len(a.points) == len(b.points) else []
    same = all(_close(p.bpp, q.bpp) and _close(p.psnr, q.psnr) and _close(p.ms_ssim, q.ms_ssim) for p, q in both)
    return same and (bool(both) or (bool(a.description) and a.description == b.description)) and _conditions(a, b)


def _setting(point: Point) -> object:
    return point.extra.get(point.setting_key)


def _close(a: float | None, b: float | None) -> bool:
    # Sums over pixels differ in their last digits with the number of threads.
    return a == b if a is None or b is None else math.isclose(a, b, rel_tol=1e-5, abs_tol=1e-9)


def _conditions(a: Curve, b: Curve) -> bool:
    """Whether two files of measurements have the same conditions: GOP, frames, conversion; pictures have none."""
    first, second = (read_record(curve.source).conditions if curve.source else None for curve in (a, b))
    return bool(first == second)


def distinctly_named(curves: Sequence[Curve]) -> list[Curve]:
    """Curves but runs that are called alike (CompressAI's of MSE and of MS-SSIM are) with their file, or its folder;
    those of the package as published."""
    names = [curve.name for curve in curves]
    again = [curve.origin is not None and names.count(curve.name) > 1 for curve in curves]
    curves = [replace(c, name=f"{c.name} (published)") if other else c for c, other in zip(curves, again)]
    names = [curve.name for curve in curves]
    twice = [curve for curve in curves if names.count(curve.name) > 1 and curve.kind != "run"]
    named: dict[int, str] = {}
    for curve in twice:
        files = [other.source for other in twice if other.name == curve.name and other.source]
        if curve.source:
            named[id(curve)] = f"{curve.name} ({_told_apart(curve.source, files)})"
    return [replace(curve, name=named.get(id(curve), curve.name)) for curve in curves]


def _told_apart(file: Path, files: Sequence[Path]) -> str:
    """What of the end of `file` tells it from the other `files`: its stem, or folders, without fingerprints."""
    stem = file.name.partition(".")[0] if file.name.endswith(".baseline.json") else file.stem
    if [other.stem for other in files].count(file.stem) == 1:
        return stem
    for parts in range(2, len(file.parts) + 1):
        if [other.parts[-parts:] for other in files].count(file.parts[-parts:]) == 1:
            folders = [each for each in file.parts[-parts:-1] if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{8})*", each)]
            return "/".join(folders or file.parts[-parts - 1 : -parts] or [stem])
    return str(file)
