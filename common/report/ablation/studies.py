"""Tables of the ablation studies among some runs, in their papers' layout.

Three kinds: codecs (rate, quality, what training minimises, gains at equal rate, row by row), networks without a rate
(their figures on every test set), and matrices of BD-rates (every curve against every anchor).
"""

from collections.abc import Mapping, Sequence

from common.report.ablation.rows import Line, rows_table
from common.report.ablation.study_runs import Study, find_studies
from common.report.flow_tables import LEGEND, PER_PAIR, column_of, figure_of, result_keys
from common.report.mean_std import COSTS, Column, cells, milliseconds
from common.report.tables import Table, footnotes, gain, percent, signed
from common.results.bd import DEFAULT, BDQuality, BDRate, Method, bd_psnr, bd_rate
from common.results.curves import Curve, Group, Metric
from common.results.flow_results import ScoreGroup

# A claim's key in a study -> our column that it stands beside.
BESIDE = {
    "bpp": "bpp",
    "gmacs": "GMACs",
    "psnr": "PSNR",
    "ms_ssim": "MS-SSIM dB",
    "ms_ssim_db": "MS-SSIM dB",
    "inference_ms": "dec. ms",
    "params_m": "M param.",
}
# What a table shows beside the usual figures where the paper claims it: a claim's key -> our column.
CLAIMED = {
    "bpp_motion": Column("motion bpp", "bpp_motion", ".4f"),
    "motion_encoding_ms": milliseconds("motion enc. ms", "motion_encoding_time", ".1f"),
    "seconds": Column("enc. + dec. s", "coding_time", ".3f", deviation=False),
}
MSE = "255²·MSE (of clips bpp + λ·MSE, pixels in [0, 1])"
DISTORTIONS = {"mse": MSE, "ms_ssim": "(1 − MS-SSIM)"}  # others go by their names
METRICS = {"psnr-rgb": "PSNR", "ms-ssim-rgb": "MS-SSIM"}
QUALITY = (
    Column("bpp", "bpp", ".4f"),
    Column("PSNR", "psnr", ".2f"),
    Column("MS-SSIM dB", "ms_ssim_db", ".2f"),
    Column("RD cost", "cost", ".4f"),
)
EFFORT = (*COSTS, milliseconds("enc. ms", "encoding_time"), milliseconds("dec. ms", "decoding_time"))


def study_tables(group: Group | ScoreGroup, method: Method = DEFAULT) -> list[Table]:
    """A table for every study among the runs of `group`, in its paper's layout."""
    studies = find_studies(group)
    if isinstance(group, ScoreGroup):
        return [study_scores_table(study) for study in studies]
    return [matrix_table(study, method) if "bd_rate" in study.spec else rates_table(study, method) for study in studies]


def rates_table(study: Study, method: Method = DEFAULT) -> Table:
    """The rows of `study` with our figures as codecs have them."""
    results = _gains(study, method)
    gains = {row: {heading: gain(each) for heading, each in found.items()} for row, found in results.items()}
    blank = dict.fromkeys((heading for row in gains.values() for heading in row), "")
    doubted = footnotes(each for found in results.values() for each in found.values())
    claimed = {key: column for key, column in CLAIMED.items() if key in study.spec["claims"]}
    own = [Column(f"{m.title} {m.unit}".strip(), key, ".4g") for key, m in study.measures.items()]

    def measured(line: Line) -> dict[str, str]:
        figures = [run.figures for run in line.runs]
        gained = gains.get(line.runs[0].row, {}) if line.runs else {}
        return cells(figures, (*QUALITY, *own)) | blank | gained | cells(figures, (*EFFORT, *claimed.values()))

    beside = BESIDE | {key: column.heading for key, column in claimed.items()}
    return rows_table(study, measured, beside, [*_notes(study, bool(gains)), *doubted])


def _gains(study: Study, method: Method) -> dict[str, dict[str, BDQuality]]:
    """Row -> heading -> dB gained over the reference at equal rate; of MS-SSIM only where it was trained for."""
    curves = study.curves()
    anchor = curves.get(study.spec["reference"])
    if anchor is None or len(anchor.points) < 2:
        return {}
    metrics: Mapping[str, Metric] = {"BD-PSNR": "psnr-rgb"}
    if study.distortion == "ms_ssim":
        metrics = {**metrics, "BD-MS-SSIM": "ms-ssim-rgb"}
    return {
        row: {heading: bd_psnr(anchor, curve, metric, method) for heading, metric in metrics.items()}
        for row, curve in curves.items()
        if curve is not anchor and len(curve.points) > 1
    }


def _notes(study: Study, gains: bool) -> list[str]:
    lost = DISTORTIONS.get(str(study.distortion), study.distortion)
    notes = [
        f"RD cost: bpp + λ·{lost} of whole pictures, less is better. Training minimises it, so rows of one λ compare "
        "by it though their bpp differ."
    ]
    if gains:
        notes.append(f"BD: dB gained over {study.spec['reference']} at equal rate, over all λ of a row.")
    gmacs = "GMACs: 1e9 multiply-accumulates of one forward pass at 768×512."
    return [*notes, f"{gmacs} ms: per picture, where it was evaluated."]


def study_scores_table(study: Study) -> Table:
    """The rows of `study` with the figures that the paper claims of any set, ours of every set that the runs have."""
    claimed = {figure_of(key) for key in study.spec["claims"]}
    keys = [key for key in result_keys([run.results for run in study.runs]) if figure_of(key) in claimed]
    columns = (*(column_of(key) for key in keys), *COSTS, PER_PAIR)
    return rows_table(
        study,
        lambda line: cells([run.figures for run in line.runs], columns),
        {key: column_of(key).heading for key in keys} | {"params_m": BESIDE["params_m"]},
        [LEGEND],
    )


def matrix_table(study: Study, method: Method = DEFAULT) -> Table:
    """BD-rate of every curve (columns) against every anchor: a line of ours, below it the paper's claims."""
    names = list(study.spec["curves"])
    metric: Metric = study.spec.get("metric", "psnr-rgb")
    ours = _curves(study)
    claims: Mapping[str, Sequence[float]] = study.spec["bd_rate"]
    rows: list[list[str]] = []
    breaks = set()
    found: list[BDRate | None] = []
    for name in [*claims, *(name for name in ours if name not in claims)]:
        breaks.add(len(rows))
        if anchor := ours.get(name):
            rates = [_rate(anchor, ours.get(other), metric, method) for other in names]
            found += rates
            rows.append([name, "ours", *("" if other not in ours else percent(r) for other, r in zip(names, rates))])
        if name in claims:
            rows.append(["" if anchor else name, "paper", *map(_claimed, claims[name])])
    notes = (
        f"Bits at equal {METRICS[metric]} compared with the row's curve ({method}); negative: fewer bits. In brackets: "
        "part of the quality range that both curves cover, where it is small.",
        *footnotes(found),
        *study.sources,
    )
    return Table(study.title, ["against", "figures", *names], rows, 2, frozenset(breaks - {0}), notes)


def _curves(study: Study) -> dict[str, Curve]:
    """The paper's name of a curve -> ours, for those that were run or measured."""
    rows = study.curves()
    baselines = {_without_conditions(curve.name): curve for curve in study.baselines}
    found = {
        name: rows.get(what.get("row", "")) or baselines.get(what.get("baseline", ""))
        for name, what in study.spec["curves"].items()
    }
    return {name: curve for name, curve in found.items() if curve is not None}


def _without_conditions(name: str) -> str:
    """`"H.265 (x265) gop=10"`, a classical codec of clips -> `"H.265 (x265)"`."""
    return " ".join(word for word in name.split() if "=" not in word)


def _rate(anchor: Curve, test: Curve | None, metric: Metric, method: Method) -> BDRate | None:
    return None if test is None or test is anchor else bd_rate(anchor, test, metric, method)


def _claimed(claim: float | None) -> str:
    """Empty where the paper prints none."""
    return "" if claim is None else signed(claim, ".2f", " %")
