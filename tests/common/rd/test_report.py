import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from common.errors import LicError
from common.rd.command import main
from common.rd.curves import load
from common.rd.points import aggregate, results, write_json
from common.rd.report import print_report, write_report

DATASET = "samples 1 picture 5f2c91ab"
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
    assert html.count("data:image/png;base64,") == 3
    assert 'src="http' not in html and "href=" not in html

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


def test_bd_rates_against_every_baseline(sweep: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "more" / "webp.baseline.json", baseline("WebP", DATASET))
    published = write(tmp_path / "vtm.json", {k: v for k, v in baseline("VTM", "").items() if k in ("name", "results")})
    report = write_report([sweep], tmp_path / "out", [published], [other.parent])
    (section,) = report.sections
    psnr, ms_ssim = section.bd
    assert [row[0] for row in psnr.rows] == [row[0] for row in ms_ssim.rows] == ["JPEG", "WebP", "VTM"]
    assert psnr.columns == ["against", "swift [tiny]"]
    assert all(row[1].startswith("−") and row[1].endswith("(42 %)") for row in psnr.rows)  # 30..35.5 of 26..39


def write(path: Path, data: Any) -> Path:
    write_json(path, data)
    return path


def test_other_pictures_get_their_own_section(sweep: Path, tmp_path: Path) -> None:
    write(sweep / "clic" / "webp.baseline.json", baseline("WebP", "clic 41 pictures 00000000"))
    report = write_report([sweep], tmp_path / "out")
    assert [section.heading for section in report.sections] == [
        f"image · {DATASET}",
        "image · clic 41 pictures 00000000",
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
        "BD-rate, PSNR",
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
