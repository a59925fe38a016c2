"""The interval of a BD-rate over photographs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.picture_runs import SETTINGS, baseline, runs
from support.video_runs import clip_baseline

import common.results.bootstrap as bootstrap
from common.io import read_json, write_json
from common.results.bd import METHODS, Method, bd_rate
from common.results.bd_batch import bd_rates
from common.results.bootstrap import LEAST, RESAMPLES, Interval, Missing, Resampled, draws, interval, resampled
from common.results.curves import METRICS, Curve, load
from common.results.measures import Measure
from common.results.points import aggregate, results
from common.results.seeds import mean_over_seeds

ONES = [1.0] * 12


def between(anchor: Curve, test: Curve, metric: str = "psnr-rgb", method: Method = "pchip") -> Interval | Missing:
    a, b = resampled(anchor, metric), resampled(test, metric)
    assert isinstance(a, Resampled) and isinstance(b, Resampled)
    return interval(a, b, (anchor.name, test.name), method)


def missing(curve: Curve, metric: str = "psnr-rgb") -> str:
    found = resampled(curve, metric)
    assert isinstance(found, Missing) and found.curves == (curve.name,)
    return found.text


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("metric", METRICS)
def test_with_every_picture_once_it_is_the_figure_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metric: str, method: Method
) -> None:
    rng = np.random.default_rng(0)
    anchor = baseline(tmp_path, "JPEG", rng.uniform(0.5, 2, 12))
    seeds = [runs(tmp_path, "net", rng.uniform(0.5, 2, 12), seed) for seed in (0, 1)]
    test = mean_over_seeds(replace(seeds[0], points=tuple(point for each in seeds for point in each.points)))
    monkeypatch.setattr(bootstrap, "draws", lambda count: np.full((1, count), 1 / count))
    a, b = resampled(anchor, metric), resampled(test, metric)
    assert isinstance(a, Resampled) and isinstance(b, Resampled)
    wanted = bd_rate(anchor, test, metric, method).percent
    assert wanted is not None and bd_rates(a.points, b.points, method) == pytest.approx([wanted], abs=1e-9)


def test_pictures_that_all_gain_the_same_leave_no_interval(tmp_path: Path) -> None:
    found = between(baseline(tmp_path, "JPEG", ONES), runs(tmp_path, "net", [0.9] * 12))
    assert isinstance(found, Interval) and (found.pictures, found.unit) == (12, "photograph")
    assert (found.low, found.high) == (pytest.approx(-10), pytest.approx(-10))


def test_the_interval_grows_with_the_differences_between_pictures(tmp_path: Path) -> None:
    anchor = baseline(tmp_path, "JPEG", ONES)
    widths = []
    for n, part in enumerate((0.02, 0.2)):
        test = runs(tmp_path, f"net{n}", [0.9 + part * (-1) ** (k // 3) for k in range(12)])
        found, figure = between(anchor, test), bd_rate(anchor, test).percent
        assert isinstance(found, Interval) and figure is not None and found.low < figure < found.high
        widths.append(found.high - found.low)
    assert widths[1] > 5 * widths[0] > 1


def test_about_the_right_part_of_intervals_covers_the_figure_of_all_pictures(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for n in range(60):
        folder = tmp_path / f"{n}"
        folder.mkdir()
        gains = rng.normal(0.9, 0.1, 24)  # of photographs whose mean is 0.9
        anchor, test = baseline(folder, "JPEG", [1.0] * 24), baseline(folder, "net", gains)
        found = between(anchor, test)
        assert isinstance(found, Interval)
        covered += found.low < -10 < found.high
    assert 51 <= covered <= 60  # 95 % of 60 are 57; of 24 pictures it is known to be a little less


def test_both_curves_get_the_same_pictures(tmp_path: Path) -> None:
    """Pictures that need very different bits do not widen it, as long as both codecs need them."""
    factors = np.geomspace(0.1, 10, 12)
    found = between(baseline(tmp_path, "JPEG", factors), baseline(tmp_path, "net", 0.9 * factors))
    assert isinstance(found, Interval) and found.high - found.low < 1e-9
    shuffled = baseline(tmp_path, "JPEG", factors)
    content = read_json(tmp_path / "net.baseline.json")
    write_json(tmp_path / "net.baseline.json", content | {"images": content["images"][::-1]})
    again = between(shuffled, load(tmp_path / "net.baseline.json"))
    assert isinstance(again, Interval) and again.high - again.low < 1e-9


def test_the_other_way_round_it_is_the_inverse(tmp_path: Path) -> None:
    a, b = baseline(tmp_path, "JPEG", ONES), baseline(tmp_path, "net", np.linspace(0.5, 1.2, 12))
    there, back = between(a, b), between(b, a)
    assert isinstance(there, Interval) and isinstance(back, Interval)
    assert back.low < back.high and back == pytest.approx(there.inverse)


def test_draws_are_the_same_in_every_call_and_as_many_as_there_are_pictures() -> None:
    drawn = draws(7)
    assert drawn.shape == (RESAMPLES, 7) and np.allclose(drawn.sum(axis=1), 1)
    assert np.allclose(7 * drawn, np.round(7 * drawn))
    draws.cache_clear()
    assert (draws(7) == drawn).all() and abs(drawn.mean(axis=0) - 1 / 7).max() < 0.02


def test_clips_are_drawn_as_photographs_are(tmp_path: Path) -> None:
    clips = [f"clip{n}" for n in range(6)]
    points = [{clip: (bpp * (1 + n), psnr) for n, clip in enumerate(clips)} for bpp, psnr in SETTINGS]
    clip_baseline(tmp_path / "x.baseline.json", "x", points)
    cheaper = [{clip: (bpp * (0.8 + 0.05 * n), q) for n, (clip, (bpp, q)) in enumerate(p.items())} for p in points]
    clip_baseline(tmp_path / "y.baseline.json", "y", cheaper)
    found = between(load(tmp_path / "x.baseline.json"), load(tmp_path / "y.baseline.json"))
    assert isinstance(found, Interval) and found.unit == "clip" and -20 < found.low < found.high < 5


def test_a_measure_of_ones_own_of_which_less_is_better(tmp_path: Path) -> None:
    curves = []
    for name, factor in (("a", 1.0), ("b", 0.8)):
        curve = baseline(tmp_path, name, [factor] * 6)
        content = read_json(tmp_path / f"{name}.baseline.json")
        for image in content["images"]:
            image["lpips"] = 1 / image["psnr"]
        worse = [np.mean([i["lpips"] for i in content["images"] if i["quality"] == q]) for q in range(4)]
        content["results"]["lpips"] = worse
        content["metrics"] = {"lpips": Measure("lpips", "LPIPS", "", False)._asdict()}
        write_json(tmp_path / f"{name}.baseline.json", content)
        curves.append(load(curve.source or tmp_path))
    found = between(curves[0], curves[1], "lpips")
    assert isinstance(found, Interval) and found.low == pytest.approx(-20) == found.high


def without(folder: Path, key: str, quality: int | None = None) -> Curve:
    """JPEG with five points, of whose first picture `key` is not defined, at one quality or at all."""
    baseline(folder, "JPEG", ONES, [*SETTINGS, (4.0, 40.0)])
    path = folder / "JPEG.baseline.json"
    content = read_json(path)
    for image in content["images"]:
        if image["file"] == "kodim00" and quality in (None, image["quality"]):
            image[key] = None
    points = [aggregate([image for image in content["images"] if image["quality"] == q]) for q in range(5)]
    write_json(path, content | {"results": content["results"] | results(points)})
    return load(path)


def test_pictures_too_small_for_ms_ssim_are_left_out_of_its_mean(tmp_path: Path) -> None:
    found = resampled(without(tmp_path, "ms_ssim"), "ms-ssim-rgb")
    assert isinstance(found, Resampled) and np.isfinite(found.points).all()


def test_a_point_with_a_lossless_picture_has_no_psnr_and_is_left_out(tmp_path: Path) -> None:
    curve = without(tmp_path, "psnr", quality=4)
    assert [point.psnr is None for point in curve.points] == [False] * 4 + [True]
    found = resampled(curve, "psnr-rgb")
    assert isinstance(found, Resampled) and found.points.shape == (RESAMPLES, 4, 2) and np.isfinite(found.points).all()


def test_why_there_is_none(tmp_path: Path) -> None:
    curve = baseline(tmp_path, "JPEG", ONES)
    content = read_json(tmp_path / "JPEG.baseline.json")

    def changed(**new: object) -> Curve:
        write_json(tmp_path / "changed.baseline.json", content | new)
        return load(tmp_path / "changed.baseline.json")

    images = content["images"]
    assert "without a record of every photograph" in missing(changed(images=[]))
    assert "without a record of every photograph" in missing(changed(images=["damaged", 1, {"file": "x"}]))
    assert "not every point has the same" in missing(changed(images=images[1:]))
    assert "have one name" in missing(changed(images=[image | {"file": "x"} for image in images]))
    assert "not the means" in missing(changed(images=[image | {"bpp": 2 * image["bpp"]} for image in images]))
    assert "not the means" in missing(changed(images=[image | {"psnr": "30"} for image in images]))

    few, other = baseline(tmp_path, "few", ONES[: LEAST - 1]), baseline(tmp_path, "other", ONES[:6])
    assert between(few, few) == Missing("no interval over fewer than 5 photographs")
    assert between(curve, other) == Missing("no interval, as the photographs differ", ("JPEG", "other"))
    apart = baseline(tmp_path, "apart", ONES, [(1.0, 46.0), (2.0, 47.0)])  # means from 49.6 dB on, JPEG's up to 40.7
    assert between(curve, apart) == Missing("no interval, as on many draws there is no BD-rate", ("JPEG", "apart"))
