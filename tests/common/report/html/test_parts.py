"""What the page's scripts are given, without a browser."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.page_sweep import write_originals, write_sweep
from support.picture_runs import SETTINGS, baseline

from common.baselines.codecs import available
from common.baselines.measure import bench
from common.data.image_io import MOST_BITS, write_picture
from common.errors import LicError
from common.io import read_json, write_json
from common.report.figures.gallery import gallery_rows
from common.report.html.curve_part import bd_data, curves_data, rd_part
from common.report.html.data_uris import as_uri
from common.report.html.gallery_part import gallery_data, photographs
from common.report.html.training_part import Run, settings_table, training_data
from common.report.writer import write_report
from common.results.bd import bd_rate
from common.results.bd_certainty import certainty
from common.results.curves import Curve, Group, Point, load
from common.results.groups import shortly_named
from common.run.configs import TRACKED, differing, read_config


def test_points_on_every_photograph_of_runs_and_of_classical_codecs(tmp_path: Path) -> None:
    images = [{"file": "cat", "bpp": 1.0, "psnr": 30.0, "ms_ssim": 0.9}]
    write_json(tmp_path / "run.json", {"images": [*images, {"file": "dog", "bpp": 2.0, "psnr": None, "ms_ssim": None}]})
    measured = [{"file": "dog.png", "quality": q, "bpp": q / 10, "psnr": 20.0 + q, "ms_ssim": 0.99} for q in (5, 9)]
    write_json(tmp_path / "jpeg.json", {"images": measured})
    run = Curve("net a=1 b=2", "run", (Point(1.5, None, 0.9, {"lmbda": 0.01, "seeds": 2}, tmp_path / "run.json"),))
    other = Curve("net a=1 b=3", "run", (Point(1.5, 31.123456, None),))
    jpeg = [Point(q / 10, 20.0 + q, 0.99, {"quality": q}, tmp_path / "jpeg.json") for q in (5, 9)]
    group = Group("image", None, (run, other, Curve("JPEG", "baseline", tuple(jpeg))))
    shown, shared = shortly_named(group)
    data = curves_data(group, [curve.name for curve in shown.curves], shared)
    assert data["unit"] == "photograph" and data["parts"] == ["cat", "dog"] and data["seeds"] and not data["unpaired"]
    assert data["shared"] == "a=1" and [c["label"] for c in data["curves"]] == ["net b=2", "net b=3", "JPEG"]
    point = {"at": "λ 0.01", "mean": [1.5, None, 10.0], "parts": {0: [1.0, 30.0, 10.0], 1: [2.0, None, None]}}
    assert data["curves"][0]["points"] == [point]
    assert data["curves"][1]["points"] == [{"at": "", "mean": [1.5, 31.123, None], "parts": {}}]
    assert [p["parts"] for p in data["curves"][2]["points"]] == [{1: [0.5, 25.0, 20.0]}, {1: [0.9, 29.0, 20.0]}]
    assert [p["at"] for p in data["curves"][2]["points"]] == ["quality 5", "quality 9"]


def test_pictures_of_results_whose_names_are_not_unique_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        for name in ("1.png", "2.b.png"):
            Image.new("RGB", (8, 8)).save(tmp_path / folder / name)
    for name in ("1", "x-2.b", "y-2.b"):
        Image.new("RGB", (8, 8)).save(tmp_path / "pictures" / f"{name}.png")
    files = [("1", "x/1.png"), ("1", "y/1.png"), ("x-2.b", "x/2.b.png"), ("y-2.b", "y/2.b.png")]
    records = [{"file": file, "source": str(tmp_path / source), "bpp": 1.0} for file, source in files]
    write_json(tmp_path / "result.json", {"images": records})
    run = Curve("net", "run", (Point(1.0, 30.0, None, {}, tmp_path / "result.json"),))
    assert [each.name for each in photographs([run])] == ["x-2.b", "y-2.b"]
    assert [row.name for row in gallery_rows([run])] == ["x-2.b", "y-2.b"]
    data = curves_data(Group("image", None, (run,)), ["net"], "")
    assert (data["parts"], data["unpaired"]) == (["x-2.b", "y-2.b"], ["1"])
    assert "In the means only: 1. Several files" in rd_part(0, data)


def test_bd_rates_both_ways() -> None:
    points = [(0.1 * 2**i, 30.0 + 3 * i) for i in range(4)]
    full = Curve("full", "baseline", tuple(Point(*p) for p in points))
    half = Curve("half", "run", tuple(Point(bpp / 2, psnr) for bpp, psnr in points))
    lone = Curve("lone", "run", (Point(1.0, 30.0),))
    found = bd_data(Group(None, None, (half, lone, full)), "akima")
    cells = [[[0.0, 1.0], [100.0, 1.0]], [[-50.0, 1.0], [0.0, 1.0]]]
    assert found == {"psnr-rgb": {"curves": [0, 2], "cells": cells, "notes": []}}
    dip = Curve("dip", "run", tuple(Point(bpp, psnr) for bpp, psnr in [*points, (0.9, 20.0)]))
    told = bd_data(Group(None, None, (full, dip)), "pchip")["psnr-rgb"]
    assert told["cells"][0][1] == [0.0, 1.0, [0]] and told["notes"][0].startswith("1 of dip's points left out")
    there, back = bd_rate(full, half).percent, bd_rate(half, full).percent
    assert there is not None and back is not None and (1 + there / 100) * (1 + back / 100) == pytest.approx(1)


def test_bd_rates_have_their_interval_both_ways(tmp_path: Path) -> None:
    a, b = baseline(tmp_path, "JPEG", [1.0] * 6), baseline(tmp_path, "WebP", [0.7, 0.8, 0.8, 0.9, 0.9, 1.0])
    lone = Curve("VTM", "published", tuple(Point(*p) for p in SETTINGS))
    data = bd_data(Group("image", None, (a, b, lone)), "pchip")["psnr-rgb"]
    found = certainty(a, b).interval
    assert found is not None
    (_, _, numbers, there), (_, _, _, back) = data["cells"][0][1], data["cells"][1][0]
    assert numbers == [] and there == pytest.approx([found.low, found.high], abs=1e-3)
    assert back == pytest.approx([100 * (1 / (1 + limit / 100) - 1) for limit in (found.high, found.low)], abs=1e-3)
    assert all(len(cell) < 4 for cell in (*data["cells"][2], data["cells"][0][2]))


def test_training_curves_are_means_over_spans(tmp_path: Path) -> None:
    rows = [f"{k},{k % 2},,x" for k in range(1000)] + ["1000,,0.5,", "1001,inf,nan,", "1002,,0.25,", "broken"]
    (tmp_path / "metrics.csv").write_text("\n".join(["step,loss,val,text", *rows]))
    runs = [Run("net", "net", "λ 1", tmp_path), Run("net", "net", "λ 2", tmp_path / "none")]
    (found,) = training_data(runs)
    assert found["setting"] == "λ 1" and found["series"].keys() == {"loss", "val"}
    assert found["series"]["val"] == [[1000.0, 1002.0], [0.5, 0.25]]
    steps, values = found["series"]["loss"]
    assert len(steps) == 334 and steps[:2] == [2.0, 5.0] and steps[-1] == 999 and set(values) == {0.33333, 0.66667, 1.0}


def test_only_settings_that_differ(tmp_path: Path) -> None:
    for n, extra in enumerate(("seed: 0\nextra: [1, 2]", "seed: 0")):
        (tmp_path / f"{n}").mkdir()
        text = f"name: n{n}\noverrides: [a={n}]\nlmbda: 0.0{n}1\nmodel: {{lmbda: 0.0{n}1, N: 48}}\n{extra}\n"
        (tmp_path / f"{n}" / "config.yaml").write_text(text)
    runs = [Run("net", "net", f"λ {n}", tmp_path / f"{n}") for n in range(2)]
    table = settings_table(runs)
    assert table is not None and table.columns == ["run", "λ", "extra"]
    assert table.rows == [["net · λ 0", "0.001", "[1, 2]"], ["net · λ 1", "0.011", "—"]]
    assert "λ: lmbda, model.lmbda; extra: extra" in table.notes[0]
    assert settings_table(runs[:1]) is None and settings_table([Run("a", "a", "", tmp_path)]) is None
    assert differing([{"a": {"b": True}}, {"a": {"b": None}}]) == {("a.b",): ["true", "null"]}


def test_a_damaged_configuration_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("a: [1, 2")
    with pytest.raises(LicError, match=r"config\.yaml is not YAML"):
        read_config(tmp_path)


@pytest.fixture
def runs(tmp_path: Path) -> list[Curve]:
    """Three curves of two points on two photographs; one reconstruction has another size, one original is gone."""
    rng = np.random.default_rng(0)
    for name, size in (("cat", (60, 40)), ("dog", (900, 300))):
        Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).save(tmp_path / f"{name}.png")
    curves = []
    for n in range(3):
        points = []
        for k in range(2):
            folder = tmp_path / f"{n}{k}"
            for name, size in (
                ("cat", (60, 40)),
                ("dog", (60, 40) if (n, k) == (0, 0) else (900, 300)),
                ("eel", (9, 9)),
            ):
                (folder / "pictures").mkdir(parents=True, exist_ok=True)
                Image.new("RGB", size).save(folder / "pictures" / f"{name}.png")
            images = [
                {"file": name, "source": str(tmp_path / f"{name}.png"), "bpp": 1.0} for name in ("cat", "dog", "eel")
            ]
            write_json(folder / "result.json", {"images": images})
            points.append(Point(1.0 + k, 30.0, source=folder / "result.json"))
        curves.append(Curve(f"curve {n}", "run", tuple(points)))
    return curves


def shots(photograph: dict[str, object]) -> set[tuple[int, int]]:
    found = photograph["shots"]
    assert isinstance(found, list)
    return {(shot["curve"], shot["point"]) for shot in found}


def test_gallery_has_what_fits_the_originals(runs: list[Curve]) -> None:
    assert [each.name for each in photographs(runs)] == ["cat", "dog"]
    data = gallery_data([Curve("JPEG", "baseline", runs[0].points), *runs], 10_000_000)
    assert data is not None and data["quality"] == 92 and data["left"] == 1
    cat, dog = data["photographs"]
    every = {(n, k) for n in (1, 2, 3) for k in (0, 1)}
    assert (cat["name"], cat["size"], shots(cat)) == ("cat", (60, 40), every)
    assert (dog["size"], shots(dog)) == ((900, 300), every - {(1, 0)})
    assert all(shot["bits"] is None for shot in cat["shots"])


def test_gallery_shows_the_middle_of_every_curve_before_it_ends(runs: list[Curve]) -> None:
    data = gallery_data(runs, 10_000_000)
    assert data is not None
    cat = next(each for each in data["photographs"] if each["name"] == "cat")
    budget = len(cat["src"]) + sum(len(shot["src"]) for shot in cat["shots"][:3])
    less = gallery_data(runs, budget)
    assert less is not None and less["left"] == 9 and shots(less["photographs"][0]) == {(0, 1), (1, 1), (2, 1)}
    assert gallery_data(runs, 100) is None and gallery_data(runs[:0], 10**7) is None


def test_gallery_has_the_classical_codec_that_is_nearest_in_bits(runs: list[Curve], tmp_path: Path) -> None:
    jpeg = available().codecs["jpeg"]
    paths = [tmp_path / "cat.png", tmp_path / "dog.png"]
    bench(jpeg, paths, "two", tmp_path, [5, 40, 80])
    measured = load(tmp_path / "jpeg.baseline.json")
    content = read_json(tmp_path / "jpeg.baseline.json")
    rates = [record["bpp"] for record in content["images"] if record["file"].startswith("cat")]
    for folder, rate in (("00", rates[0]), ("01", rates[1] + 0.01)):
        images = [{"file": "cat", "source": str(tmp_path / "cat.png"), "bpp": rate}]
        write_json(tmp_path / folder / "result.json", {"images": images})
    data = gallery_data([runs[0], measured], 10_000_000)
    assert data is not None and [each["name"] for each in data["photographs"]] == ["cat"] and data["unmade"] == []
    shots = data["photographs"][0]["shots"]
    assert [(shot["curve"], shot["point"]) for shot in shots] == [(0, 1), (0, 0), (1, 1), (1, 0)]
    rgb = np.asarray(Image.open(paths[0]))
    wanted = as_uri(Image.fromarray(jpeg.decode(jpeg.encode(rgb, 40))), 768, data["quality"])
    assert shots[2]["src"] == wanted
    for record in content["images"]:
        record["bytes"] += 1  # measured on another original, or by another version
    write_json(tmp_path / "jpeg.baseline.json", content)
    data = gallery_data([runs[0], measured], 10_000_000)
    assert data is not None and len(data["photographs"][0]["shots"]) == 2 and data["unmade"] == ["JPEG"]


def test_bit_maps_say_what_their_brightest_colour_stands_for(runs: list[Curve], tmp_path: Path) -> None:
    (tmp_path / "01" / "bits").mkdir()
    rgb = np.zeros((40, 60, 3), np.uint8)
    write_picture(tmp_path / "01" / "bits" / "cat.png", rgb, text={MOST_BITS: "3.25"})
    data = gallery_data(runs[:1], 10_000_000)
    assert data is not None
    assert [shot["most"] for shot in data["photographs"][0]["shots"]] == [3.25, None]


def test_links_lead_to_what_is_there(tmp_path: Path) -> None:
    (originals,) = ([path] for path in write_originals(tmp_path / "originals", 1, (48, 32)))
    write_sweep(tmp_path / "sweep", originals, ["swift"], [0.01, 0.02])
    runs = sorted(file.parent for file in (tmp_path / "sweep").rglob("result.json"))
    for run in runs:  # as W&B alone leaves it
        (run / "metrics.csv").unlink()
    write_report([tmp_path / "sweep"], tmp_path / "out")
    html = (tmp_path / "out" / "report.html").read_text()
    assert re.findall(r'href="#(\w+)"', html) == ["settings"] and 'id="settings"' in html
    write_json(runs[0] / TRACKED, {"wandb": "https://wandb.ai/me/a&b/runs/1"})
    write_json(runs[1] / TRACKED, {"wandb": "javascript:alert(1)"})
    write_report([tmp_path / "sweep"], tmp_path / "out")
    html = (tmp_path / "out" / "report.html").read_text()
    assert '<a href="https://wandb.ai/me/a&amp;b/runs/1">swift · λ 0.01</a></p>' in html and "javascript:" not in html
    assert re.findall(r'href="#(\w+)"', html) == ["training", "settings"] and 'id="training"' in html
