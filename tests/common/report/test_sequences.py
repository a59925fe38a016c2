"""Clips one by one, and what a report makes of video runs beside classical codecs."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.video_runs import clip_baseline, video_run

from common.report.sections import Section
from common.report.sequences import by_clip, clip_names
from common.report.writer import write_report

QUALITIES = [30.0, 33.0, 36.0, 39.0]


def points(**bpp: float) -> list[dict[str, tuple[float, float]]]:
    """Four points: bits double with every 3 dB, from so many bpp at 30 dB of each clip."""
    return [{clip: (2**i * least, q) for clip, least in bpp.items()} for i, q in enumerate(QUALITIES)]


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """A codec that takes half of x265's bits on one clip and as many on the other; x264 takes twice x265's."""
    for lmbda, figures in zip((64, 128, 256, 512), points(pan=0.05, still=0.1)):
        video_run(tmp_path / "sweep" / f"{lmbda}", lmbda, figures)
    clip_baseline(tmp_path / "sweep/x265.dvc_gop.baseline.json", "H.265 (x265)", points(pan=0.1, still=0.1))
    clip_baseline(tmp_path / "sweep/x264.dvc_gop.baseline.json", "H.264 (x264)", points(pan=0.2, still=0.2))
    return tmp_path / "sweep"


def section(sweep: Path, out: Path) -> Section:
    (found,) = write_report([sweep], out).sections
    assert isinstance(found, Section)
    return found


def test_bd_rates_against_classical_codecs_over_all_clips_and_by_clip(sweep: Path, tmp_path: Path) -> None:
    found = section(sweep, tmp_path / "out")
    assert found.heading == "Clips, measured as DVC does: clips, 2 clips"
    assert found.bd[0].title == "BD-rate against H.264 (x264)"
    assert [row[:2] for row in found.bd[0].rows] == [["dvc_tiny", "−62.5 %"], ["H.265 (x265)", "−50.0 %"]]
    over264, _ = found.sequences
    assert over264.title == "BD-rate against H.264 (x264) by sequence, PSNR"
    assert over264.rows == [["pan", "−75.0 %"], ["still", "−50.0 %"]]


def test_every_point_on_every_clip(sweep: Path, tmp_path: Path) -> None:
    table = section(sweep, tmp_path / "out").sequences[-1]
    assert table.columns == ["sequence", "curve", "λ / q", "bpp", "PSNR", "MS-SSIM", "copied", "warped"]
    assert len(table.rows) == 2 * 3 * 4 and table.breaks == {12}
    assert table.rows[0] == ["pan", "dvc_tiny", "64", "0.0500", "30.00", "10.00", "20.00", "25.00"]
    assert table.rows[1][:4] == ["", "", "128", "0.1000"]
    assert table.rows[12][:4] == ["still", "dvc_tiny", "64", "0.1000"]
    assert table.rows[4] == ["", "H.264 (x264)", "27", "0.2000", "30.00", "10.00", "", ""]
    assert "warped by the decoded flow" in table.notes[0] and len(table.notes) == 1


def test_curves_of_a_clip_are_its_own(sweep: Path, tmp_path: Path) -> None:
    clips = by_clip(section(sweep, tmp_path / "out").group.curves)
    assert list(clips) == ["pan", "still"] == clip_names(clips["pan"][0].points[0])
    assert [[point.bpp for point in curve.points] for curve in clips["still"]] == [
        [0.1, 0.2, 0.4, 0.8], [0.2, 0.4, 0.8, 1.6], [0.1, 0.2, 0.4, 0.8],
    ]  # fmt: skip


def test_the_report_shows_the_first_frames_of_the_middle_point(sweep: Path, tmp_path: Path) -> None:
    found = section(sweep, tmp_path / "out")
    heading, pictures = found.closer
    assert heading == "How frames are coded, part by part · Clips, measured as DVC does: clips, 2 clips"
    assert [file.name for file in pictures] == [
        "frames-1-pan_0006.png", "frames-1-still_0006.png", "frames-1-pan_0018.png", "frames-1-still_0018.png",
    ]  # fmt: skip
    shown = np.asarray(Image.open(pictures[3])).reshape(-1, 3)
    assert (250, 10, 18) in {tuple(colour) for colour in shown}
    html = (tmp_path / "out/report.html").read_text()
    assert html.count('<img alt="frames-') == 4 and "Sequence by sequence" in html
    assert "seconds per frame" in html and "seconds per picture" not in html
    (group,) = json.loads((tmp_path / "out/report.json").read_text())["groups"]
    assert [table["title"] for table in group["sequences"]][-1] == "Sequence by sequence"


def test_what_cannot_be_compared_has_no_table(tmp_path: Path) -> None:
    video_run(tmp_path / "sweep/64", 64, {"pan": (0.1, 20.0), "still": (0.1, 21.0)})
    video_run(tmp_path / "sweep/128", 128, {"pan": (0.2, 22.0), "still": (0.2, 23.0)}, seed=1)
    clip_baseline(tmp_path / "sweep/x265.baseline.json", "H.265 (x265)", points(pan=0.1, still=0.1))
    assert [table.title for table in section(tmp_path / "sweep", tmp_path / "out").sequences] == [
        "Sequence by sequence"
    ]


def test_of_several_seeds_the_first_stands_for_clips(tmp_path: Path) -> None:
    for seed, bpp in ((1, 0.3), (0, 0.1)):
        video_run(tmp_path / f"sweep/{seed}", 64, {"pan": (bpp, 30.0)}, seed=seed)
    found = section(tmp_path / "sweep", tmp_path / "out")
    assert [point.bpp for point in found.group.curves[0].points] == [pytest.approx(0.2)]
    assert found.sequences[0].rows[0][:4] == ["pan", "dvc_tiny", "64", "0.1000"]
    assert found.sequences[0].notes[-1] == "Of several seeds the first is shown."


def test_the_same_clips_under_another_name_share_a_table_and_other_protocols_stay_out(
    sweep: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    sets = "others 2 sequences 0a1b2c3d"
    clip_baseline(kept / "av1.dvc_gop.baseline.json", "AV1", points(pan=0.1, still=0.1), dataset=sets)
    clip_baseline(kept / "x265.dcvc_ip32.baseline.json", "H.265 (x265)", points(pan=1.0), protocol="dcvc_ip32")
    write_report([sweep], tmp_path / "out", baselines=[kept])
    with (tmp_path / "out/points.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["protocol"] for row in rows} == {"dvc_gop"}
    assert {row["curve"] for row in rows} == {"dvc_tiny", "H.264 (x264)", "H.265 (x265)", "AV1"}
    (found,) = write_report([sweep, kept], tmp_path / "all").sections[1:]
    assert found.heading == "Clips, measured as DCVC does: clips, 2 clips"
