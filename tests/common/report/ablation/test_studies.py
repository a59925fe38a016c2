"""Tables of ablation studies, from run folders with figures that can be worked out by hand."""

import copy
import io
import json
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf
from rich.console import Console

from common.errors import LicError
from common.io import write_json
from common.report.ablation.studies import study_tables
from common.report.tables import Table
from common.report.writer import print_report, write_report
from common.results.bd import bd_psnr, bd_rate
from common.results.collect import collect
from common.results.curves import Curve, Point
from common.results.groups import group
from common.results.points import aggregate, rd_cost, results

DATASET = "kodak 2 pictures 5f2c91ab"
STUDY = {
    "title": "Blocks, table 9",
    "source": "Somebody 2020, table 9, Kodak",
    "reference": "none",
    "columns": ["attention", "year"],
    "claims": {"psnr": "PSNR", "bpp": "bpp"},
    "rows": [
        {"row": "none", "cells": ["no", "–"], "lmbda": 2.0, "psnr": 33.1, "bpp": 0.5},
        {"row": "axial", "cells": ["axial", "2022"], "lmbda": 2.0, "psnr": 35.75, "bpp": 0.14},
        {"cells": ["other", "2021"], "lmbda": 2.0, "psnr": 34.0, "bpp": 0.25},
        {"row": "none", "cells": ["no", "–"], "lmbda": 8.0, "psnr": 36.0, "bpp": 1.0},
    ],
    "notes": ["The paper is silent."],
}
MATRIX = {
    "title": "BD-rate, table 8",
    "source": "Somebody 2020, table 8",
    "curves": {"Old": {"row": "none"}, "JPEG": {"baseline": "JPEG"}, "Lost": {}, "New": {"row": "axial"}},
    "bd_rate": {"Old": [0.0, 163.28, 9.63, -28.16], "Lost": [-48.99, -32.09, 0.0, -62.57]},
}
# row -> λ -> bpp, PSNR and MS-SSIM of the first of two pictures
FIGURES = {
    "none": {2.0: (0.4, 30.0, 0.95), 8.0: (0.9, 34.0, 0.98)},
    "axial": {2.0: (0.36, 30.2, 0.952), 8.0: (0.82, 34.3, 0.982)},
}


def run(root: Path, net: str, lmbda: float, seed: int = 0, study: Any = STUDY, **changed: Any) -> Path:
    """A finished run whose two pictures lie 2 dB apart; every seed adds 0.02 bpp and 0.1 dB."""
    bpp, psnr, ms_ssim = FIGURES[net][lmbda]
    bpp, psnr = bpp + 0.02 * seed, psnr + 0.1 * seed
    images = [
        {"file": name, "source": f"/nowhere/{name}", "bpp": bpp, "psnr": psnr + gain, "ms_ssim": ms_ssim}
        for name, gain in (("a", 0), ("b", 2))
    ]
    config = {"system": "net", "label": f"net_tiny row={net}", "distortion": "mse", "lmbda": lmbda, "seed": seed}
    config |= {"row": net, "study": study} | changed
    folder = root / f"{net}-{lmbda}-{seed}"
    folder.mkdir(parents=True)
    OmegaConf.save(OmegaConf.create(config), folder / "config.yaml")
    head = {"name": "net", "protocol": "image", "dataset": DATASET, "curve": config["label"], "lmbda": lmbda}
    counts = {"seed": seed, "row": config["row"], "parameters": 1_234_000, "gmacs": 5.678}
    write_json(folder / "result.json", head | counts | {"results": results([aggregate(images)]), "images": images})
    write_json(folder / "timing.json", {"encoding_time": 0.1 + 0.01 * seed, "decoding_time": 0.2})
    return folder


def tables(root: Path) -> list[Table]:
    (found,) = group(collect([root]).curves)
    return study_tables(found)


def rows_of(table: Table) -> list[dict[str, str]]:
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def test_means_and_spread_over_seeds_beside_the_claims(tmp_path: Path) -> None:
    for seed in (0, 1, 2):
        run(tmp_path, "none", 2.0, seed)
    run(tmp_path, "axial", 2.0)
    (table,) = tables(tmp_path)
    assert table.title == "Blocks, table 9 (tiny, trained for MSE)"
    none, axial, other, high = rows_of(table)
    # bpp 0.40, 0.42, 0.44: mean 0.42, deviation sqrt((0.02² + 0 + 0.02²) / 2) = 0.02. PSNR 31.0, 31.1, 31.2.
    assert none["seeds"] == "3" and none["bpp"] == "0.4200 ± 0.0200" and none["PSNR"] == "31.10 ± 0.10"
    assert none["MS-SSIM dB"] == "13.01 ± 0.00"  # -10 log10(0.05)
    assert (none["M param."], none["GMACs"], none["enc. ms"], none["dec. ms"]) == ("1.23", "5.68", "110", "200")
    assert (none["attention"], none["year"], none["λ"]) == ("no", "–", "2")
    assert (none["paper: PSNR"], none["paper: bpp"]) == ("33.10", "0.50")
    assert axial["seeds"] == "1" and axial["bpp"] == "0.3600" and axial["paper: PSNR"] == "35.75"
    assert (other["attention"], other["bpp"], other["paper: PSNR"]) == ("other", "", "34.00")
    assert (high["λ"], high["PSNR"], high["paper: PSNR"]) == ("8", "", "36.00")
    assert table.breaks == {3} and table.labels == 3
    assert not any("BD" in column for column in table.columns), "one λ a row"
    assert "“paper” is the claim of Somebody 2020, table 9, Kodak; all else was measured here." in table.notes
    assert table.notes[-1] == "The paper is silent."


def test_a_run_measured_again_with_another_measure_is_one_run(tmp_path: Path) -> None:
    run(tmp_path / "train", "none", 2.0)
    folder = run(tmp_path / "eval", "none", 2.0)
    content = json.loads((folder / "result.json").read_text())
    content["results"]["psnr_b"] = [29.0]
    measure = {"title": "PSNR-B", "unit": "dB", "higher_is_better": True}
    write_json(folder / "result.json", content | {"metrics": {"psnr_b": measure}})
    (table,) = tables(tmp_path)
    assert not any("seed" in note for note in table.notes)
    assert [row["bpp"] for row in rows_of(table) if row["bpp"]] == ["0.4000"]
    assert any(row.get("PSNR-B dB", row.get("PSNR-B")) for row in rows_of(table)), table.columns


def test_each_operating_point_of_a_run_is_a_line(tmp_path: Path) -> None:
    """Levels of one file are no seeds: they must not be averaged."""
    folder = run(tmp_path, "none", 2.0)
    content = json.loads((folder / "result.json").read_text())
    images = [image | {"quality": q, "bpp": 0.1 * q, "psnr": 20.0 + q} for q in (1, 2) for image in content["images"]]
    points = [aggregate(images[:2]) | {"quality": 1}, aggregate(images[2:]) | {"quality": 2}]
    write_json(folder / "result.json", content | {"results": results(points), "images": images})
    (table,) = tables(tmp_path)
    lines = [row for row in rows_of(table) if row["bpp"]]
    figures = [(row["level"], row["bpp"], row["PSNR"]) for row in lines]
    assert figures == [("1", "0.1000", "21.00"), ("2", "0.2000", "22.00")]
    assert [float(row["RD cost"]) for row in lines] == [
        pytest.approx(rd_cost(images[n : n + 2], 2.0, "mse"), abs=1e-4) for n in (0, 2)
    ]
    assert not any("seed" in note for note in table.notes)


def test_a_row_with_a_model_of_its_own_stands_in_the_same_table(tmp_path: Path) -> None:
    """A codec that the paper compares with; swept over two systems, each has its table, and the row is in both."""
    run(tmp_path, "none", 2.0)
    run(tmp_path, "axial", 2.0, system="other", label="other_tiny row=axial")
    (table,) = tables(tmp_path)
    assert table.title == "Blocks, table 9 (tiny, trained for MSE)"
    assert [row["bpp"] for row in rows_of(table)[:2]] == ["0.4000", "0.3600"]
    run(tmp_path / "large", "none", 2.0, system="large", label="large_tiny row=none")
    first, second = tables(tmp_path)
    assert {first.title, second.title} == {
        f"Blocks, table 9 ({each} tiny, trained for MSE)" for each in ("net", "large")
    }
    for table in (first, second):
        assert [row["bpp"] for row in rows_of(table)[:2]] == ["0.4000", "0.3600"]


def test_published_weights_stand_beside_whatever_was_trained(tmp_path: Path) -> None:
    run(tmp_path, "axial", 2.0, system="other", label="other row=axial", weights="published.pth")
    (table,) = tables(tmp_path)
    assert [row["bpp"] for row in rows_of(table)[:2]] == ["", "0.3600"]
    run(tmp_path, "none", 2.0)
    run(tmp_path / "long", "none", 2.0, label="net_tiny row=none trainer.max_steps=9")
    assert {table.title for table in tables(tmp_path)} == {
        "Blocks, table 9 (tiny, trained for MSE)",
        "Blocks, table 9 (tiny trainer.max_steps=9, trained for MSE)",
    }
    for table in tables(tmp_path):
        assert [row["bpp"] for row in rows_of(table)[:2]] == ["0.4000", "0.3600"]


def test_gain_at_equal_rate_is_that_of_the_mean_curves(tmp_path: Path) -> None:
    for row in ("none", "axial"):
        for lmbda in (2.0, 8.0):
            for seed in (0, 1):
                run(tmp_path, row, lmbda, seed)
    (table,) = tables(tmp_path)
    curves = {
        # halfway between seeds 0 and 1, halfway between the two pictures
        row: Curve(row, "run", tuple(Point(bpp + 0.01, psnr + 1.05) for bpp, psnr, _ in figures.values()))
        for row, figures in FIGURES.items()
    }
    gain = bd_psnr(curves["none"], curves["axial"]).db
    assert gain is not None and gain > 0.3
    by_row = {(row["attention"], row["λ"]): row for row in rows_of(table)}
    assert by_row["axial", "2"]["BD-PSNR"] == by_row["axial", "8"]["BD-PSNR"] == f"+{gain:.2f}"
    assert by_row["no", "2"]["BD-PSNR"] == by_row["other", "2"]["BD-PSNR"] == ""


def test_measures_of_ones_own_have_columns(tmp_path: Path) -> None:
    run(tmp_path, "none", 2.0)
    folder = run(tmp_path, "axial", 2.0)
    result = json.loads((folder / "result.json").read_text())
    result["results"]["accuracy"] = [0.98765]
    result["metrics"] = {"accuracy": {"title": "accuracy", "unit": "", "higher_is_better": True}}
    write_json(folder / "result.json", result)
    (table,) = tables(tmp_path)
    cells = {row["attention"]: row["accuracy"] for row in rows_of(table) if row["λ"] == "2"}
    assert cells == {"no": "", "axial": "0.9877", "other": ""}


def test_what_training_minimises() -> None:
    images = [{"bpp": 0.4, "psnr": 30.0, "ms_ssim": 0.9}, {"bpp": 0.6, "psnr": 20.0, "ms_ssim": 0.7}]
    # MSE of 30 and 20 dB is 0.001 and 0.01 of the peak squared, 65.025 and 650.25
    assert rd_cost(images, 0.01, "mse") == pytest.approx(0.5 + 0.01 * (65.025 + 650.25) / 2)
    assert rd_cost(images, 3.0, "ms_ssim") == pytest.approx(0.5 + 3 * 0.2)
    assert rd_cost([{"bpp": 1.0, "psnr": None, "ms_ssim": None}], 0.01, "mse") == 1.0, "nothing lost"
    assert rd_cost([{"bpp": 1.0, "psnr": 30.0, "ms_ssim": None}], 3.0, "ms_ssim") is None


def test_runs_made_otherwise_do_not_share_a_table(tmp_path: Path) -> None:
    run(tmp_path / "a", "none", 2.0)
    run(tmp_path / "b", "none", 2.0, label="net_tiny row=none trainer.max_steps=9")
    run(tmp_path / "c", "none", 8.0, distortion="ms_ssim")
    assert {table.title.partition("9 ")[2] for table in tables(tmp_path)} == {
        "(tiny, trained for MSE)",
        "(tiny trainer.max_steps=9, trained for MSE)",
        "(tiny, trained for MS-SSIM)",
    }


def test_a_run_measured_twice_counts_once_and_another_of_its_seed_is_told(tmp_path: Path) -> None:
    run(tmp_path / "trained", "none", 2.0)
    run(tmp_path / "measured again", "none", 2.0)
    (table,) = tables(tmp_path)
    assert rows_of(table)[0]["bpp"] == "0.4000" and not any("one seed" in note for note in table.notes)
    folder = run(tmp_path / "other", "none", 2.0)
    content = json.loads((folder / "result.json").read_text())
    content["results"]["bpp"] = [0.5]
    write_json(folder / "result.json", content)
    (table,) = tables(tmp_path)
    assert any(note.startswith("none: two runs of one seed differ") for note in table.notes)


def test_a_row_that_the_paper_lacks_comes_last(tmp_path: Path) -> None:
    run(tmp_path, "none", 2.0, row="mine")
    *_, mine = [row for row in rows_of(tables(tmp_path)[0]) if row["λ"] == "2"]
    assert (mine["attention"], mine["year"], mine["bpp"], mine["paper: PSNR"]) == ("mine", "", "0.4000", "")


def test_matrix_of_bd_rates(tmp_path: Path) -> None:
    for row in ("none", "axial"):
        for lmbda in (2.0, 8.0):
            run(tmp_path, row, lmbda, study=MATRIX)
    points = [{"bpp": b, "psnr-rgb": p} for b, p in ((0.3, 28.0), (0.8, 32.0), (1.6, 36.0))]
    head = {"name": "JPEG", "kind": "baseline", "protocol": "image", "dataset": DATASET}
    write_json(tmp_path / "jpeg.baseline.json", head | {"results": results(points)})
    (table,) = tables(tmp_path)
    assert table.columns == ["against", "figures", "Old", "JPEG", "Lost", "New"]
    by_name = {(row[0], row[1]): row[2:] for row in table.rows}
    assert list(by_name) == [("Old", "ours"), ("", "paper"), ("Lost", "paper"), ("JPEG", "ours"), ("New", "ours")]
    assert by_name["", "paper"] == ["+0.00 %", "+163.28 %", "+9.63 %", "−28.16 %"]
    curves = {curve.name: curve for curve in collect([tmp_path]).curves}
    saved = bd_rate(curves["net_tiny row=none"], curves["net_tiny row=axial"]).percent
    assert saved is not None and saved < -5
    assert by_name["Old", "ours"][0] == "—" and by_name["Old", "ours"][2] == ""
    assert by_name["Old", "ours"][3] == f"−{-saved:.1f} %"
    assert by_name["JPEG", "ours"][3].startswith("−") and by_name["New", "ours"][1].startswith("+")


def test_a_matrix_of_another_measure_against_a_codec_of_clips(tmp_path: Path) -> None:
    """Where the paper prints nothing stands nothing, and conditions are no part of a classical codec's name."""
    curves = {"H.265": {"baseline": "H.265 (x265)"}, "Hu": {}, "New": {"row": "axial"}}
    matrix = MATRIX | {"curves": curves, "bd_rate": {"H.265": [0.0, None, -28.16]}, "metric": "ms-ssim-rgb"}
    for lmbda in (2.0, 8.0):
        run(tmp_path, "axial", lmbda, study=matrix)
    points = [{"bpp": b, "psnr-rgb": 30.0 + b, "ms-ssim-rgb": m} for b, m in ((0.3, 0.93), (0.8, 0.97), (1.6, 0.99))]
    head = {"name": "H.265 (x265) gop=10", "kind": "baseline", "protocol": "image", "dataset": DATASET}
    write_json(tmp_path / "x265.baseline.json", head | {"results": results(points)})
    (table,) = tables(tmp_path)
    (ours, paper, *_) = (row[2:] for row in table.rows)
    anchor, new = (c for name in ("H.265", "net") for c in collect([tmp_path]).curves if c.name.startswith(name))
    saved = bd_rate(anchor, new, "ms-ssim-rgb").percent
    assert saved is not None and ours[2].startswith(f"−{-saved:.1f} %") and paper == ["+0.00 %", "", "−28.16 %"]
    assert any(note.startswith("Bits at equal MS-SSIM compared") for note in table.notes)


def test_figures_stand_beside_claims_in_the_same_units(tmp_path: Path) -> None:
    rows = [{"row": "none", "cells": ["no", "–"], "ms_ssim": 0.99, "params_m": 1.5}]
    study = STUDY | {
        "claims": {"ms_ssim": "MS-SSIM dB", "params_m": "parameters M"},
        "rows": rows,
        "counted": ["motion"],
    }
    folder = run(tmp_path, "none", 2.0, study=study)
    content = json.loads((folder / "result.json").read_text())
    write_json(folder / "result.json", content | {"parts": {"motion": 1_500_000, "intra": 9_000_000}})
    (table,) = tables(tmp_path)
    (row,) = rows_of(table)
    assert row["paper: MS-SSIM dB"] == "20.0" and any("MS-SSIM: −10·log10(1 − MS-SSIM)" in note for note in table.notes)
    assert (row["M param."], row["paper: parameters M"]) == ("1.50", "1.5"), "of the part that the paper counts"
    write_json(folder / "result.json", content)
    assert "M param." not in tables(tmp_path)[0].columns, "not known of a result of before"


def test_what_a_paper_claims_of_a_codec_of_clips_has_our_figure_beside_it(tmp_path: Path) -> None:
    claims = {"bpp_motion": "motion bpp", "motion_encoding_ms": "ms", "seconds": "s"}
    rows = [{"row": "none", "cells": ["no", "–"], "bpp_motion": 0.031, "motion_encoding_ms": 31, "seconds": 0.826}]
    folder = run(tmp_path, "none", 2.0, study=STUDY | {"claims": claims, "rows": rows})
    content = json.loads((folder / "result.json").read_text())
    clips = [clip | {"bpp_motion": bpp} for clip, bpp in zip(content.pop("images"), (0.02, 0.05))]
    write_json(folder / "result.json", content | {"sequences": clips})
    seconds = {"encoding_time": 0.1, "decoding_time": 0.2, "motion_encoding_time": 0.0123}
    write_json(folder / "timing.json", seconds)
    (table,) = tables(tmp_path)
    (row,) = rows_of(table)
    for heading, ours, claimed, printed in (
        ("motion bpp", "0.0350", "paper: motion bpp", "0.031"),
        ("motion enc. ms", "12.3", "paper: ms", "31"),
        ("enc. + dec. s", "0.300", "paper: s", "0.826"),
    ):
        assert (row[heading], row[claimed]) == (ours, printed)
        assert table.columns.index(claimed) == table.columns.index(heading) + 1, "beside each other"
    write_json(folder / "result.json", content | {"sequences": [clips[0], clips[1] | {"bpp_motion": None}]})
    write_json(folder / "timing.json", {"encoding_time": 0.1, "decoding_time": 0.2})
    columns = tables(tmp_path)[0].columns
    assert not {"motion bpp", "motion enc. ms"} & set(columns) and "enc. + dec. s" in columns, "as far as it is known"


def test_a_stage_that_trains_a_part_only_is_no_row(tmp_path: Path) -> None:
    run(tmp_path / "whole", "none", 2.0, model={"objective": "all"})
    run(tmp_path / "part", "axial", 2.0, model={"objective": "motion"})
    (table,) = tables(tmp_path)
    assert [row["bpp"] for row in rows_of(table)] == ["0.4000", "", "", ""]


def test_a_study_that_lacks_something_is_one_sentence(tmp_path: Path) -> None:
    lacking = copy.deepcopy(STUDY)
    del lacking["claims"]
    run(tmp_path, "none", 2.0, study=lacking)
    with pytest.raises(LicError, match=r"`study` lacks claims; see conf/ablation"):
        tables(tmp_path)


def test_studies_are_in_every_form_of_the_report(tmp_path: Path) -> None:
    for row in ("none", "axial"):
        for lmbda in (2.0, 8.0):
            for seed in (0, 1, 2):
                run(tmp_path / "runs", row, lmbda, seed)
    report = write_report([tmp_path / "runs"], tmp_path / "out")
    markdown = (tmp_path / "out/report.md").read_text()
    assert "### Blocks, table 9" in markdown and "paper: PSNR" in markdown
    assert "<h3>Blocks, table 9" in (tmp_path / "out/report.html").read_text()
    (section,) = json.loads((tmp_path / "out/report.json").read_text())["groups"]
    assert section["studies"][0]["columns"][:3] == ["attention", "year", "λ"]
    assert len(section["curves"]) == 2 and section["curves"][0]["results"]["seeds"] == [3, 3]
    assert (tmp_path / "out/points.csv").read_text().count("\n") == 13, "every run"
    console = Console(width=100, record=True, file=io.StringIO())
    print_report(report, console)
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= 100
    heads = [line for line in lines if "attention" in line]
    assert len(heads) == 2 and all("year ┃ λ" in head for head in heads), "every part says its rows"
    assert any("0.4200 ± 0.0200" in line for line in lines), "no figure is broken over lines"
    assert "Mean ± sample standard deviation of 3 seeds." in lines
