"""The table of what BD-rates rest on, in a whole report."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from support.picture_runs import SETTINGS, baseline, runs

from common.io import write_json
from common.report.bd_table import bd_table, compared
from common.report.certainty_table import certainty_table
from common.report.sections import Section
from common.report.writer import Report, print_report, write_report
from common.results.bd_certainty import certainty
from common.results.curves import Curve, Group, Point, load
from common.results.groups import group

COLUMNS = ["metric", "curve", "BD-rate", "95 % interval", "leave one out", "seeds", "overlap", "BD-quality"]


@pytest.fixture
def report(tmp_path: Path) -> Report:
    """A network of two seeds and a published curve against JPEG, on twelve photographs."""
    sweep = tmp_path / "sweep"
    for seed, gain in ((0, 0.8), (1, 0.9)):
        runs(sweep, "net", [gain + 0.1 * (-1) ** (n // 3) for n in range(12)], seed)
    baseline(sweep, "JPEG", [1.0] * 12)
    values = {"bpp": [bpp for bpp, _ in SETTINGS], "psnr-rgb": [psnr + 4 for _, psnr in SETTINGS]}
    write_json(tmp_path / "vtm.json", {"name": "VTM", "results": values})
    return write_report([sweep], tmp_path / "out", [tmp_path / "vtm.json"], title="Two", latex=True)


def section(report: Report) -> Section:
    (found,) = report.sections
    assert isinstance(found, Section)
    return found


def test_a_line_for_every_metric_and_curve(report: Report) -> None:
    rates, table = section(report).bd
    assert table.title == "How sure the BD-rates against JPEG are" and table.columns == COLUMNS and table.labels == 2
    assert [row[:2] for row in table.rows] == [["PSNR", "VTM"], ["", "net"], ["MS-SSIM", "net"]] and table.breaks == {2}
    g = section(report).shown
    jpeg, net = (next(curve for curve in g.curves if curve.name == name) for name in ("JPEG", "net"))
    wanted = certainty(jpeg, net)
    assert wanted.interval is not None and wanted.left_out is not None and wanted.seeds is not None
    limits = f"[{wanted.interval.low:.1f}, {wanted.interval.high:.1f}]".replace("-", "−")
    assert limits in next(row for row in rates.rows if row[0] == "net")[1]
    _, _, percent, interval, left_out, seeds, overlap, gain = table.rows[1]
    assert (percent, interval, overlap) == ("−15.0 %", limits, "100 %") and left_out.startswith("[−15.0, −15.0")
    assert seeds == "−15.0 ± 7.1 (2)"  # of −20 and −10
    assert wanted.quality.db is not None and gain == f"+{wanted.quality.db:.2f} dB"
    assert table.rows[0][3] == "" and table.rows[0][5] == ""


def test_notes_say_what_the_columns_are_and_why_a_cell_is_empty(report: Report) -> None:
    rates, table = section(report).bd
    said = "\n".join(table.notes)
    assert "interpolated with pchip" in said
    assert "when 12 photographs are drawn" in said and "1000 draws, seed 0" in said
    assert "No interval without a record of every photograph or clip: VTM." in table.notes
    assert any("In square brackets: the 95 % interval" in note for note in rates.notes)


def test_every_form_of_the_report_has_it(report: Report) -> None:
    cells = [cell for cell in section(report).bd[1].rows[1] if cell]
    console = Console(width=160, record=True, file=io.StringIO())
    print_report(report, console)
    texts = {path.name: path.read_text() for path in report.files if path.suffix in (".md", ".html", ".tex")}
    html = texts["report.html"]
    assert html.count("<details><summary>How sure the BD-rates against JPEG are") == 1
    for text in (console.export_text(), texts["report.md"], html):
        assert all(cell in text for cell in cells) and "Leave one out: the lowest and the highest" in text
    assert r"$-$15.0 $\pm$ 7.1 (2)" in texts["bd_certainty.tex"]
    assert "{[}$-$" in texts["bd_rate.tex"]
    (found,) = json.loads((report.folder / "report.json").read_text())["groups"]
    net, vtm = (next(each for each in found["bd_rates"] if each["curve"] == name) for name in ("net", "VTM"))
    assert net["interval"].keys() == {"low", "high", "pictures", "unit"} and net["interval"]["pictures"] == 12
    assert net["seeds"]["n"] == 2 and net["leave_one_out"]["low"] == pytest.approx(-15) and net["missing"] == []
    assert net["bd_quality"] > 0 and net["overlap"] == 1
    assert vtm["interval"] is None and "VTM" in vtm["missing"][0]


def test_columns_that_nothing_fills_are_left_out_and_doubts_are_marked(tmp_path: Path) -> None:
    anchor = Curve("a", "published", tuple(Point(*p) for p in ((0.1, 30.0), (1.0, 40.0))))
    other = Curve("b", "published", tuple(Point(*p) for p in ((0.1, 29.0), (0.101, 34.0), (1.0, 34.2), (9.0, 35.0))))
    found = compared(Group(None, None, (anchor, other)))
    assert found is not None
    table = certainty_table(found)
    assert table.columns == ["metric", "curve", "BD-rate", "leave one out", "overlap", "BD-quality"]
    assert "†" not in table.rows[0][2] and table.rows[0][-1].endswith(" †")
    assert [note for note in table.notes if note.startswith("† b: two neighbouring points")]
    assert "[" not in bd_table(found).rows[0][1]


def test_clips_and_photographs_that_are_few_say_so(tmp_path: Path) -> None:
    for name, factor in (("JPEG", 1.0), ("WebP", 0.9)):
        baseline(tmp_path, name, [factor] * 4)
    (g,) = group([load(path) for path in sorted(tmp_path.glob("*.json"))])
    found = compared(g)
    assert found is not None and "No interval over fewer than 5 photographs." in certainty_table(found).notes


def test_which_jpeg_a_bd_rate_is_against_is_said(tmp_path: Path) -> None:
    """In the table, and on the page for every anchor that a reader chooses."""
    sweep = tmp_path / "sweep"
    runs(sweep, "net", [0.8] * 12, 0)
    baseline(sweep, "JPEG", [1.0] * 12)
    file = next(sweep.glob("*.baseline.json"))
    write_json(file, {**json.loads(file.read_text()), "description": "4:2:0, optimised Huffman tables. Pillow 12"})
    report = write_report([sweep], tmp_path / "out", [], title="One")
    said = "JPEG: 4:2:0, optimised Huffman tables. Pillow 12."
    for table in section(report).bd:
        assert said in table.notes
    assert (
        said in (tmp_path / "out" / "report.md").read_text() and said in (tmp_path / "out" / "report.html").read_text()
    )
