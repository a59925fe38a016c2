import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from support.score_runs import score_run

from common.cli.report import main
from common.errors import LicError
from common.io import write_json
from common.report.figures.sheets import block_figures
from common.report.sections import Section
from common.report.writer import print_report, write_report
from common.results.curves import Curve, Point, load
from common.results.points import aggregate, results

DATASET = "samples 1 picture 5f2c91ab"
FLOW = "Optical flow: procedural_test, 64 pairs; stereo, 1 pair"
SWIFT = [(0.0035, 0.4, 30.0, 0.95), (0.013, 0.7, 32.5, 0.97), (0.05, 1.3, 35.5, 0.985)]
JPEG = [(10, 0.3, 26.0, 0.89), (50, 0.9, 32.0, 0.965), (80, 1.4, 34.0, 0.98), (95, 3.0, 39.0, 0.99)]


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Three finished points with pictures, one failed, and a baseline beside them."""
    rng = np.random.default_rng(0)
    original = rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)
    source = tmp_path / "originals" / "cat.png"
    source.parent.mkdir()
    Image.fromarray(original).save(source)
    for lmbda, bpp, psnr, ms_ssim in SWIFT:
        folder = tmp_path / "sweep" / f"lmbda={lmbda}"
        (folder / "pictures").mkdir(parents=True)
        Image.fromarray(original // 2).save(folder / "pictures" / "cat.png")
        image = {"file": "cat.png", "source": str(source), "bpp": bpp, "bpp_estimated": bpp * 0.99}
        images = [image | {"psnr": psnr, "ms_ssim": ms_ssim}]
        head = {
            "name": "swift",
            "protocol": "image",
            "dataset": DATASET,
            "curve": "swift [tiny]",
            "lmbda": lmbda,
        }
        write_json(folder / "result.json", head | {"results": results([aggregate(images)]), "images": images})
        write_json(folder / "timing.json", {"encoding_time": 0.01, "decoding_time": 0.02})
    write_json(tmp_path / "sweep" / "lmbda=9" / "failed.json", {"reason": "loss is NaN at step 12"})
    write_json(tmp_path / "sweep" / "jpeg.baseline.json", baseline("JPEG", DATASET))
    return tmp_path / "sweep"


def baseline(name: str, dataset: str) -> dict[str, Any]:
    rows = [{"quality": q, "bpp": b, "psnr-rgb": p, "ms-ssim-rgb": m} for q, b, p, m in JPEG]
    return {
        "name": name,
        "kind": "baseline",
        "protocol": "image",
        "dataset": dataset,
        "results": results(rows),
    }


def test_report_writes_every_file(sweep: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = write_report([sweep], out, title="Demo <1>")
    names = {
        "report.html",
        "report.md",
        "report.json",
        "points.csv",
        "rd_psnr.png",
        "rd_ms_ssim.png",
        "gallery.png",
    }
    assert {path.name for path in report.files} == names == {path.name for path in out.iterdir()}

    markdown = (out / "report.md").read_text()
    assert "![rd_psnr](rd_psnr.png)" in markdown and "| swift [tiny] | 0.0035 | 0.4000 | 0.3960 | 30.00 |" in markdown
    assert "loss is NaN at step 12" in markdown

    html = (out / "report.html").read_text()
    assert "<title>Demo &lt;1&gt;</title>" in html and "loss is NaN at step 12" in html
    assert html.count('"src":"data:image/webp;base64,') == 4  # the photograph and its three reconstructions
    assert 'src="http' not in html and 'href="http' not in html and "data:image/png" not in html

    with (out / "points.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["curve"] for row in rows] == ["swift [tiny]"] * 3 + ["JPEG"] * 4
    assert [float(row["bpp"]) for row in rows[:3]] == [0.4, 0.7, 1.3]
    assert rows[0]["encoding_time"] == "0.01"


def test_report_json_holds_curves_that_load_again(sweep: Path, tmp_path: Path) -> None:
    write_report([sweep], tmp_path / "out")
    (group,) = json.loads((tmp_path / "out" / "report.json").read_text())["groups"]
    for entry in group["curves"]:
        write_json(tmp_path / "entry.json", entry)
        curve = load(tmp_path / "entry.json")
        assert curve.name == entry["name"]
        assert len(curve.points) == (3 if entry["kind"] == "run" else 4)


def test_report_is_reproducible(sweep: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_report([sweep], tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_one_table_holds_every_curve_against_the_first_classical_codec(sweep: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "more" / "webp.baseline.json", baseline("WebP", DATASET))
    published = write(tmp_path / "vtm.json", {k: v for k, v in baseline("VTM", "").items() if k in ("name", "results")})
    report = write_report([sweep], tmp_path / "out", [published], [other.parent])
    (section,) = report.sections
    assert isinstance(section, Section)
    table, certain = section.bd
    assert table.title == "BD-rate against JPEG" and table.columns == ["curve", "PSNR", "MS-SSIM"]
    assert [row[0] for row in table.rows] == ["swift [tiny]", "WebP", "VTM"]
    assert table.rows[0][1].startswith("−") and table.rows[0][1].endswith("(42 %)")  # 30..35.5 of 26..39
    assert table.rows[1][1:] == ["+0.0 %", "+0.0 %"]
    assert "means over the test set" in table.notes[0]
    assert certain.title == "How sure the BD-rates against JPEG are"
    rates = json.loads((tmp_path / "out/report.json").read_text())["groups"][0]["bd_rates"]
    assert {(rate["anchor"], rate["curve"], rate["metric"]) for rate in rates} >= {("JPEG", "VTM", "ms-ssim-rgb")}
    assert rates[0]["percent"] < -10 and rates[0]["overlap"] == pytest.approx(5.5 / 13) and "42 %" in rates[0]["note"]


def test_the_reader_chooses_the_anchor(sweep: Path, tmp_path: Path) -> None:
    write(sweep / "webp.baseline.json", baseline("WebP", DATASET))
    (section,) = write_report([sweep], tmp_path / "out", anchor="swift [TINY]").sections
    assert section.tables[0].title == "BD-rate against swift [tiny]"
    assert [row[0] for row in section.tables[0].rows] == ["JPEG", "WebP"]
    with pytest.raises(LicError, match=r"--anchor VTM: .* swift \[tiny\], JPEG, WebP"):
        write_report([sweep], tmp_path / "none", anchor="VTM")
    assert not (tmp_path / "none").exists()


def test_one_point_is_no_curve(sweep: Path, tmp_path: Path) -> None:
    single = baseline("BPG", DATASET)
    single["results"] = {key: values[:1] for key, values in single["results"].items()}
    write(sweep / "bpg.baseline.json", single)
    (section,) = write_report([sweep], tmp_path / "out").sections
    assert isinstance(section, Section)
    assert section.bd[0].title == "BD-rate against JPEG" and [row[0] for row in section.bd[0].rows] == ["swift [tiny]"]
    assert "One point is no curve: BPG." in section.bd[0].notes


def write(path: Path, data: Any) -> Path:
    write_json(path, data)
    return path


def test_what_all_runs_have_in_common_is_said_once(sweep: Path, tmp_path: Path) -> None:
    for attention in ("none", "simplified"):
        for file in sweep.glob("lmbda=0*/result.json"):
            content = json.loads(file.read_text()) | {"curve": f"swift_tiny attention={attention} data.train=photos/"}
            write_json(sweep / attention / file.parent.name / "result.json", content)
    for file in sweep.glob("lmbda=0*/result.json"):
        file.unlink()
    (section,) = write_report([sweep], tmp_path / "out").sections
    assert isinstance(section, Section)
    assert section.points.title.endswith(" (all runs: trained on photos/)")
    short = ["swift_tiny attention=none", "swift_tiny attention=simplified"]
    assert [row[0] for row in section.points.rows if "swift" in str(row[0])] == short
    assert [row[0] for row in section.bd[0].rows] == short
    whole = [curve["name"] for curve in json.loads((tmp_path / "out/report.json").read_text())["groups"][0]["curves"]]
    assert [name for name in whole if "swift" in name] == [f"{name} data.train=photos/" for name in short]


def test_other_pictures_get_their_own_section(sweep: Path, tmp_path: Path) -> None:
    write(sweep / "clic" / "webp.baseline.json", baseline("WebP", "clic 41 pictures 00000000"))
    report = write_report([sweep], tmp_path / "out")
    assert [section.heading for section in report.sections] == [
        "Photographs: samples, 1 picture",
        "Photographs: clic, 41 pictures",
    ]
    assert [[c.name for c in section.group.curves] for section in report.sections] == [
        ["swift [tiny]", "JPEG"],
        ["WebP"],
    ]
    assert (tmp_path / "out" / "rd_psnr-2.png").exists()


def test_moved_originals_are_skipped(sweep: Path, tmp_path: Path) -> None:
    (tmp_path / "originals" / "cat.png").unlink()
    report = write_report([sweep], tmp_path / "out")
    assert "gallery.png" not in {path.name for path in report.files}


def test_printed_report_is_plain_about_names_and_failures(sweep: Path, tmp_path: Path) -> None:
    console = Console(width=160, record=True, file=io.StringIO())
    print_report(write_report([sweep], tmp_path / "out"), console)
    text = console.export_text()
    for expected in (
        "swift [tiny]",
        "32.50",
        "BD-rate against JPEG",
        "JPEG",
        "loss is NaN at step 12",
        "report.html",
    ):
        assert expected in text


def test_command(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(sweep), "--method", "pchip"]) == 0
    assert (sweep / "report" / "report.html").exists()
    assert "swift [tiny]" in capsys.readouterr().out


def test_command_says_when_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(LicError, match=r"No result\.json"):
        main([str(tmp_path)])
    assert list(tmp_path.iterdir()) == []


def test_one_photograph_shows_what_the_blocks_of_a_curve_do(sweep: Path, tmp_path: Path) -> None:
    colours = {"attention": (250, 0, 0), "refinement": (0, 0, 250)}
    for kind, colour in colours.items():
        for lmbda, _, _, _ in SWIFT[1:]:
            place = sweep / f"lmbda={lmbda}" / kind
            place.mkdir()
            for name in ("cat", "dog"):
                Image.new("RGB", (90 if kind == "attention" else 60, 30), colour).save(place / f"{name}.png")
    out = tmp_path / "out"
    report = write_report([sweep], out)
    assert out / "blocks-1.png" in report.files and not (out / "blocks-2.png").exists()
    sheet = np.asarray(Image.open(out / "blocks-1.png").convert("RGB"))
    assert sheet.shape[1] == 90 and (sheet[0] == 255).all()
    red, blue = ((sheet == colour).all(axis=2) for colour in colours.values())
    assert red.sum() == 90 * 30 and blue.sum() == 60 * 30 and red.nonzero()[0].max() < blue.nonzero()[0].min()
    markdown, html = (out / "report.md").read_text(), (out / "report.html").read_text()
    assert (
        "## What attention and refinement do · Photographs: samples, 1 picture\n\n![blocks-1](blocks-1.png)" in markdown
    )
    assert (
        "<h2>What attention and refinement do · Photographs: samples, 1 picture</h2>" in html
        and html.count('<img alt="blocks-1"') == 1
    )


def test_only_the_first_curves_show_their_blocks(tmp_path: Path) -> None:
    runs = []
    for n in range(6):
        folder = tmp_path / f"{n}"
        (folder / "refinement").mkdir(parents=True)
        if n != 1:
            Image.new("RGB", (90, 30)).save(folder / "refinement" / "cat.png")
        runs.append(Curve(f"curve {n}", "run", (Point(1.0, 30.0, source=folder / "result.json"),)))
    written = block_figures(runs, tmp_path / "out", "-2")
    assert [path.name for path in written] == [f"blocks-2-{n}.png" for n in (1, 2, 3, 4)]
    assert all(path.exists() for path in written)


def test_runs_with_and_without_a_rate_have_sections_of_their_own(sweep: Path, tmp_path: Path) -> None:
    pairs = ["stereo_motorcycle", "procedural_test_0000", "procedural_test_0001"]
    score_run(sweep / "flow", {"stereo/epe": 1.25, "procedural_test/epe": 0.5}, sheets=pairs)
    out = tmp_path / "out"
    report = write_report([sweep], out)
    assert [section.heading for section in report.sections] == [
        "Photographs: samples, 1 picture",
        FLOW,
    ]
    written = {path.name for path in out.iterdir()}
    assert written == {path.name for path in report.files}
    assert written >= {"points.csv", "scores.csv", "rd_psnr.png", "pairs-1-procedural_test.png", "pairs-1-stereo.png"}
    images, flow = json.loads((out / "report.json").read_text())["groups"]
    assert len(images["curves"]) == 2 and "scores" not in images
    assert flow["scores"][0]["results"] == {"stereo/epe": [1.25], "procedural_test/epe": [0.5]}
    assert "net_tiny" not in (out / "points.csv").read_text() and "swift" not in (out / "scores.csv").read_text()
    html, markdown = (out / "report.html").read_text(), (out / "report.md").read_text()
    assert html.count('<img alt="pairs-1-') == 2 and f"<h2>Pairs of pictures and their flow · {FLOW}</h2>" in html
    assert "![pairs-1-stereo](pairs-1-stereo.png)" in markdown and "| net_tiny | 1.250 | 0.500 |" in markdown
    console = Console(width=160, record=True, file=io.StringIO())
    print_report(report, console)
    text = console.export_text()
    assert "net_tiny" in text and "procedural_test EPE" in text and "loss is NaN at step 12" in text


def test_a_report_without_rates_has_no_codecs_and_no_points(sweep: Path, tmp_path: Path) -> None:
    score_run(tmp_path / "flow" / "run", {"stereo/epe": 1.25})
    out = tmp_path / "out"
    (section,) = write_report([tmp_path / "flow"], out, baselines=[sweep]).sections
    assert section.heading == FLOW
    assert {path.name for path in out.iterdir()} == {"report.html", "report.md", "report.json", "scores.csv"}


def test_markdown_has_the_settings_in_which_runs_differ_and_the_report_is_of_the_names_that_were_given(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for n, file in enumerate(sorted(sweep.glob("lmbda=0*/result.json"))):
        (file.parent / "config.yaml").write_text(f"lmbda: {n}\nseed: 0\n")
    write(tmp_path / "bench" / "jpeg.baseline.json", baseline("JPEG", DATASET))
    out = tmp_path / "out"
    assert main([str(sweep), str(tmp_path / "bench"), "--out", str(out), "--label", f"{sweep}=ours, $N$=192"]) == 0
    markdown, printed = (out / "report.md").read_text(), capsys.readouterr().out
    assert "### Settings in which the runs differ" in markdown and "| ours, \\$N\\$=192 | 0.0035 | 0.4000" in markdown
    assert "ours, $N$=192" in printed and "swift [tiny]" not in markdown + printed
    assert markdown.count("| JPEG |") == 1 and "measured more than once" not in printed
    group, *others = json.loads((out / "report.json").read_text())["groups"]
    assert not others and [curve["name"] for curve in group["curves"]] == ["ours, $N$=192", "JPEG"]
