"""Which tables of a report a published curve joins, and what is said where it joins none."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from common.cli.report import main
from common.errors import LicError
from common.io import write_json
from common.report.sections import ScoreSection, Section
from common.report.writer import Report, print_report, write_report
from common.results.curves import load
from common.results.groups import group

KODAK = "24 pictures 11944a17"
OTHER = "24 pictures 5f2c91ab"
UVG = "uvg 7 sequences 01234567"
RESULTS = {"bpp": [0.1, 0.3, 0.8], "psnr-rgb": [28.0, 31.0, 35.0], "ms-ssim-rgb": [0.9, 0.95, 0.98]}


def baseline(folder: Path, dataset: str, protocol: str = "image", name: str = "JPEG", **more: Any) -> Path:
    head = {"name": name, "kind": "baseline", "protocol": protocol, "dataset": dataset, **more}
    write_json(folder / f"{name.lower()}.baseline.json", head | {"results": RESULTS})
    return folder


def clips(folder: Path, dataset: str = UVG, **conditions: Any) -> Path:
    said = {"gop": 12, "frames": 100, "crop": 64, "conversion": "ffmpeg_default"} | conditions
    return baseline(folder, dataset, "dvc_gop", "x264", conditions=said)


def names(section: Section | ScoreSection) -> list[str]:
    assert isinstance(section, Section)
    return [curve.name for curve in section.group.curves]


def said(report: Report) -> str:
    console = Console(width=500, record=True)
    print_report(report, console)
    return console.export_text()


def test_a_curve_on_kodak_joins_kodak_alone_whatever_the_set_is_called(tmp_path: Path) -> None:
    baseline(tmp_path / "a", f"mine {KODAK}")
    baseline(tmp_path / "b", f"kodak {OTHER}")
    baseline(tmp_path / "c", f"mine {KODAK}", "own_protocol")
    report = write_report([tmp_path], tmp_path / "out", ["vtm", "vtm_18.0", "elic"])
    found = {(each.group.protocol, each.group.dataset): names(each) for each in report.sections}
    assert found == {
        ("image", f"mine {KODAK}"): ["JPEG", "VTM", "VTM 18.0", "ELIC"],
        ("image", f"kodak {OTHER}"): ["JPEG"],
        ("own_protocol", f"mine {KODAK}"): ["JPEG"],
    }
    assert report.unmatched is None


def test_what_a_curve_is_and_whose_stands_below_the_table(tmp_path: Path) -> None:
    report = write_report([baseline(tmp_path, f"kodak {KODAK}")], tmp_path / "out", ["vtm_18.0"])
    assert "VTM 18.0: github.com/duanzhiihao/lossy-vae@" in said(report)
    (found,) = json.loads((tmp_path / "out/report.json").read_text())["groups"]
    (published,) = [each for each in found["curves"] if each["kind"] == "published"]
    assert "kodak-vtm18.0.json" in published["source"] and published["licence"] and published["paper"]
    assert "kodak-vtm18.0.json" in (tmp_path / "out/points.csv").read_text()
    write_json(tmp_path / "again.json", published)
    assert len(load(tmp_path / "again.json").points) == 36


def test_a_set_whose_files_we_have_not_is_told_by_its_name(tmp_path: Path) -> None:
    baseline(tmp_path / "a", "CLIC-professional 41 pictures 01234567")
    report = write_report([tmp_path], tmp_path / "out", ["hm"])
    assert names(report.sections[0]) == ["JPEG", "HM"]
    assert "told by its name alone" in said(report)


@pytest.mark.parametrize(
    ("dataset", "conditions", "joined"),
    [
        (UVG, {}, ["x264", "DVC", "H.264"]),
        (UVG, {"gop": 10}, ["x264"]),
        (UVG, {"frames": 600, "crop": None, "conversion": "bt709", "gop": 250}, ["x264", "x264 medium"]),
        ("uvg 6 sequences 01234567", {}, ["x264"]),
        ("vtl 20 sequences 01234567, uvg 7 sequences 01234567", {}, ["x264"]),
        ("hevc_b 5 sequences 01234567", {}, ["x264"]),
        ("HEVC class B 5 sequences 01234567", {"gop": 10}, ["x264"]),
        ("hevc_b 5 sequences 01234567", {"gop": 10}, ["x264", "DVC", "H.264"]),
    ],
)
def test_clips_need_the_same_set_and_gop(
    tmp_path: Path, dataset: str, conditions: dict[str, Any], joined: list[str]
) -> None:
    report = write_report([clips(tmp_path, dataset, **conditions)], tmp_path / "out", ["dvc", "h264", "x264_medium"])
    assert names(report.sections[0]) == joined


def test_a_curve_that_joins_no_table_is_said(tmp_path: Path) -> None:
    report = write_report([baseline(tmp_path, f"kodak {OTHER}")], tmp_path / "out", ["vtm_18.0,fvc", "elic"])
    assert names(report.sections[0]) == ["JPEG"]
    sentence = f"vtm_18.0 joins no table: it was measured on kodak ({KODAK}) by image."
    shown = said(report)
    assert sentence in shown and "fvc joins no table" in shown and "elic joins no table" in shown
    assert f"This report has kodak {OTHER} by image." in shown
    assert "joins no table" in (tmp_path / "out/report.md").read_text()
    assert "joins no table" in (tmp_path / "out/report.html").read_text()
    assert sentence in json.loads((tmp_path / "out/report.json").read_text())["notes"]
    with pytest.raises(LicError, match=r"--anchor elic: there is no such curve.* elic joins no table"):
        write_report([tmp_path], tmp_path / "none", ["elic"], anchor="elic")


def test_a_codec_that_was_measured_and_published_keeps_both_names(tmp_path: Path) -> None:
    report = write_report([baseline(tmp_path, f"kodak {KODAK}")], tmp_path / "out", ["jpeg"], anchor="jpeg")
    assert names(report.sections[0]) == ["JPEG", "JPEG (published)"]
    assert report.sections[0].tables[0].title == "BD-rate against JPEG (published)"
    again = write_report([tmp_path], tmp_path / "again", ["jpeg"], anchor="JPEG")
    assert again.sections[0].tables[0].title == "BD-rate against JPEG"


def test_files_join_every_table_as_before(tmp_path: Path) -> None:
    baseline(tmp_path / "a", f"kodak {KODAK}")
    baseline(tmp_path / "b", f"kodak {OTHER}")
    write_json(tmp_path / "vtm.json", {"name": "mine", "results": RESULTS})
    report = write_report([tmp_path / "a", tmp_path / "b"], tmp_path / "out", [tmp_path / "vtm.json"])
    assert [names(section) for section in report.sections] == [["JPEG", "mine"]] * 2
    (only,) = group([], [load(tmp_path / "vtm.json")])
    assert [curve.name for curve in only.curves] == ["mine"]


def test_the_command_takes_names_as_anchor_and_label_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    baseline(tmp_path, f"kodak {KODAK}")
    command = [str(tmp_path), "--out", str(tmp_path / "out"), "--published", "vtm,vtm_18.0", "elic"]
    assert main([*command, "--anchor", "vtm_18.0", "--label", "vtm=VTM 9"]) == 0
    shown = capsys.readouterr().out
    assert "BD-rate against VTM 18.0" in shown and "VTM 9" in shown and "ELIC" in shown
    with pytest.raises(SystemExit) as ended:
        main(["--list-published"])
    assert ended.value.code == 0 and "vtm_18.0" in capsys.readouterr().out
    with pytest.raises(LicError, match="no file vtn and no published curve"):
        main([*command, "vtn"])
