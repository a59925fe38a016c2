"""Each measurement once, and curves of one name told apart."""

from pathlib import Path

import pytest

from common.io import write_json
from common.report.tables import points_table
from common.results.curves import Curve, Point
from common.results.groups import distinctly_named, each_once, group

KODAK = ("kodak 24 pictures 5f2c91ab", "Kodak 24 pictures 5f2c91ab")


def jpeg(file: Path, qualities: list[int], shift: float = 0.0, version: str = "v1", dataset: str = KODAK[0]) -> Curve:
    points = tuple(
        Point(q / 50, 25 + q / 8 + shift, 0.9, {"quality": q, "encoding_time": shift}, file) for q in qualities
    )
    return Curve("JPEG", "baseline", points, "image", dataset, version, file)


def test_a_codec_measured_by_a_sweep_and_by_the_bench_is_one_curve_with_the_points_of_both(tmp_path: Path) -> None:
    files = [write(tmp_path / name / "jpeg.baseline.json") for name in ("sweep", "bench")]
    mine, other = jpeg(files[0], [10, 50, 90]), jpeg(files[1], [10, 30, 50, 90], 1e-9, "v2", KODAK[1])
    (both,) = group([mine, other])
    (curve,) = both.curves
    assert curve.name == "JPEG" and curve.note == ""
    assert [(point.extra["quality"], point.source) for point in curve.points] == [
        (10, files[0]), (30, files[1]), (50, files[0]), (90, files[0]),
    ]  # fmt: skip


def test_figures_that_differ_are_kept_apart_and_said(tmp_path: Path) -> None:
    files = [write(tmp_path / name / "jpeg.baseline.json") for name in ("baselines/5f2c91ab", "bench/kodak")]
    curves = [jpeg(files[0], [10, 50]), jpeg(files[1], [10, 50], 0.3, "v2")]
    (both,) = group(curves)
    assert [curve.name for curve in both.curves] == ["JPEG (baselines)", "JPEG (kodak)"]
    assert points_table(both.curves).notes == (
        "JPEG was measured more than once, with other figures (v1 / v2): all are shown.",
    )


def test_other_conditions_are_another_measurement(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{gop}" / "x265.baseline.json", {"conditions": {"gop": gop}}) for gop in (12, 32)]
    assert len(each_once([jpeg(file, [10, 50]) for file in files])) == 2


@pytest.mark.parametrize("kind", ["published", "baseline"])
def test_one_curve_given_twice_is_shown_once(kind: str, tmp_path: Path) -> None:
    files = [write(tmp_path / f"{n}.json") for n in range(2)]
    curves = [Curve("vtm", kind, (Point(1.0, 30.0), Point(2.0, 33.0)), source=file) for file in files]  # type: ignore[arg-type]
    assert each_once(curves) == curves[:1]
    other = Curve("vtm", "published", (Point(1.0, 30.0), Point(2.0, 33.1)), source=tmp_path / "ms_ssim.json")
    named = distinctly_named(each_once([*curves, other]))
    assert len(named) == 2 and [curve.name for curve in named] == ["vtm (0)", "vtm (ms_ssim)"]


def write(path: Path, content: object = None) -> Path:
    path.parent.mkdir(parents=True) if not path.parent.exists() else None
    write_json(path, content or {})
    return path
