"""Studies of codecs: rate, quality, what training minimises, and gains at equal rate, row by row."""

from collections.abc import Mapping

from common.report.ablation.rows import Line, rows_table
from common.report.ablation.study_runs import Study
from common.report.mean_std import COSTS, Column, cells, milliseconds
from common.report.tables import Table, footnotes, gain
from common.results.bd import DEFAULT, BDQuality, Method, bd_psnr
from common.results.curves import Metric

# A claim's key in a study -> our column that it stands beside.
BESIDE = {
    "bpp": "bpp",
    "gmacs": "GMACs",
    "psnr": "PSNR",
    "ms_ssim": "MS-SSIM dB",
    "ms_ssim_db": "MS-SSIM dB",
    "inference_ms": "dec. ms",
}
LOSSES = {"mse": "bpp + λ·255²·MSE (of clips bpp + λ·MSE, pixels in [0, 1])", "ms_ssim": "bpp + λ·(1 − MS-SSIM)"}
QUALITY = (
    Column("bpp", "bpp", ".4f"),
    Column("PSNR", "psnr", ".2f"),
    Column("MS-SSIM dB", "ms_ssim_db", ".2f"),
    Column("RD cost", "cost", ".4f"),
)
EFFORT = (*COSTS, milliseconds("enc. ms", "encoding_time"), milliseconds("dec. ms", "decoding_time"))


def rates_table(study: Study, method: Method = DEFAULT) -> Table:
    """The rows of `study` with our figures as codecs have them."""
    results = _gains(study, method)
    gains = {row: {heading: gain(each) for heading, each in found.items()} for row, found in results.items()}
    blank = dict.fromkeys((heading for row in gains.values() for heading in row), "")
    doubted = footnotes(each for found in results.values() for each in found.values())

    def measured(line: Line) -> dict[str, str]:
        figures = [run.figures for run in line.runs]
        gained = gains.get(line.runs[0].row, {}) if line.runs else {}
        return cells(figures, QUALITY) | blank | gained | cells(figures, EFFORT)

    return rows_table(study, measured, BESIDE, [*_notes(study, bool(gains)), *doubted])


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
    notes = [
        f"RD cost: {LOSSES[str(study.distortion)]} of whole pictures, less is better. Training minimises it, so rows "
        "of one λ compare by it though their bpp differ."
    ]
    if gains:
        notes.append(f"BD: dB gained over {study.spec['reference']} at equal rate, over all λ of a row.")
    gmacs = "GMACs: 1e9 multiply-accumulates of one forward pass at 768×512."
    return [*notes, f"{gmacs} ms: per picture, where it was evaluated."]
