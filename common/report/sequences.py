"""Clips one by one: the points that every curve has at each of them, from the files that the points were read from.

Under "sequences" a video run's `result.json` and a baseline's `NAME.PROTOCOL.baseline.json` have records with
"sequence", the name, "bpp", "psnr" and "ms_ssim"; a run's also "psnr_copied", "psnr_warped" and "psnr_predicted", a
baseline's "quality".
"""

from collections.abc import Sequence
from dataclasses import replace

from common.report.tables import Table, footnotes, percent
from common.results.bd import BDRate, Method, bd_rate
from common.results.curves import Curve, Group, Point
from common.results.record import Modality

COLUMNS = ["sequence", "curve", "λ / q", "bpp", "PSNR", "MS-SSIM", "copied", "warped", "predicted"]
LEGEND = (
    "Copied, warped, predicted: of P frames, PSNR in dB of the reference as it is, warped by the decoded flow, and as "
    "predicted from that, before any residual."
)


def clip_names(point: Point) -> list[str]:
    """The clips that a point was measured on, in their order; none of a point of pictures."""
    return [part.name for part in point.parts(Modality.VIDEO)]


def by_clip(curves: Sequence[Curve]) -> dict[str, list[Curve]]:
    """Name of a clip -> the curves on it alone, in the order of `curves`.

    A point that stands for several seeds is that of the first.
    """
    found: dict[str, dict[int, list[Point]]] = {}
    for place, curve in enumerate(curves):
        for point in curve.points:
            for part in point.parts(Modality.VIDEO):
                extra = {**{key: point.extra.get(key) for key in ("lmbda", "quality")}, **part.record}
                own = Point(part.bpp, part.psnr, part.ms_ssim, extra, point.source)
                found.setdefault(part.name, {}).setdefault(place, []).append(own)
    return {
        name: [replace(curves[place], points=tuple(points)) for place, points in sorted(own.items())]
        for name, own in found.items()
    }


def sequence_tables(group: Group, method: Method, anchor: Curve | None = None) -> list[Table]:
    """BD-rates of the runs against `anchor` by clip, and every point on every clip; none where there are no clips."""
    clips = by_clip(group.curves)
    if not clips:
        return []
    runs = [curve for curve in group.of_kind("run") if len(curve.points) > 1 and curve is not anchor]
    rates = [_rates(clips, anchor, [run.name for run in runs], method)] if anchor and runs and len(clips) > 1 else []
    told = [table for table in rates if any("%" in cell for row in table.rows for cell in row[1:])]
    return [*told, _points(clips, group)]


def _rates(clips: dict[str, list[Curve]], anchor: Curve, runs: Sequence[str], method: Method) -> Table:
    """BD-rate of every run against `anchor`, clip by clip."""
    rows: list[list[str]] = []
    results: list[BDRate] = []
    for name, curves in clips.items():
        known = {(curve.kind, curve.name): replace(curve, name=f"{curve.name} on {name}") for curve in curves}
        base = known.get((anchor.kind, anchor.name))
        tests = [known.get(("run", run)) for run in runs]
        found = [bd_rate(base, test, method=method) if base and test else None for test in tests]
        results += [each for each in found if each]
        rows.append([name, *("" if each is None else percent(each) for each in found)])
    title = f"BD-rate against {anchor.name} by sequence, PSNR"
    return Table(title, ["sequence", *runs], rows, notes=footnotes(results))


def _points(clips: dict[str, list[Curve]], group: Group) -> Table:
    rows: list[list[str]] = []
    breaks = set()
    for name, curves in clips.items():
        breaks.add(len(rows))
        for curve in curves:
            for i, point in enumerate(curve.points):
                first = len(rows) in breaks
                rows.append([name if first else "", curve.name if i == 0 else "", point.setting, *_figures(point)])
    kept = [i for i in range(len(COLUMNS)) if any(row[i] for row in rows)]
    seeds = any(point.extra.get("seeds") for curve in group.curves for point in curve.points)
    notes = [LEGEND] if any(row[-3] for row in rows) else []
    notes += ["Of several seeds the first is shown."] if seeds else []
    columns = [COLUMNS[i] for i in kept]
    shown = [[row[i] for i in kept] for row in rows]
    return Table("Sequence by sequence", columns, shown, 2, frozenset(breaks - {0}), tuple(notes))


def _figures(point: Point) -> list[str]:
    qualities = [point.psnr, point.quality("ms-ssim-rgb")]
    predictions = [point.extra.get(f"psnr_{name}") for name in ("copied", "warped", "predicted")]
    return [f"{point.bpp:.4f}", *("" if value is None else f"{value:.2f}" for value in (*qualities, *predictions))]
