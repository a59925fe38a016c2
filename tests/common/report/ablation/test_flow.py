"""Tables of ablation studies over runs without a rate."""

import io
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from support.score_runs import score_run

from common.report.ablation.studies import study_tables
from common.report.tables import Table
from common.report.writer import print_report, write_report
from common.results.collect import collect
from common.results.groups import group_scores

STUDY = {
    "title": "Pyramids, table 7",
    "source": "Somebody 2021, table 7, EPE",
    "reference": "two",
    "columns": ["pyramids", "repair"],
    "claims": {"stereo/epe": "the stereo pair", "sintel_clean/epe": "Sintel clean"},
    "rows": [
        {"row": "two", "cells": ["left + middle", "×"], "stereo/epe": 0.8, "sintel_clean/epe": 3.11},
        {"row": "three", "cells": ["all", "×"], "stereo/epe": 0.75, "sintel_clean/epe": 2.73},
        {"cells": ["other", "–"], "stereo/epe": 1.5},
    ],
    "notes": ["Two rows have one name."],
}
ROWS = {"two": 2.0, "three": 1.0}


def run(root: Path, row: str, seed: int = 0, **config: Any) -> Path:
    epe = ROWS.get(row, 3.0) + 0.1 * seed
    results = {"procedural_test/epe": epe / 2, "procedural_test/fl_all": 7.0, "stereo/epe": epe, "stereo/fl_all": 8.0}
    label = config.pop("label", f"net_tiny row={row}")
    content = {"row": row, "study": STUDY, **config}
    return score_run(root / f"{row}-{seed}", results, label, seed, config=content, row=row)


def tables(root: Path) -> list[Table]:
    (found,) = group_scores(collect([root]).scores)
    return study_tables(found)


def rows_of(table: Table) -> list[dict[str, str]]:
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def test_our_figures_of_every_set_beside_the_claims(tmp_path: Path) -> None:
    for seed in (0, 1, 2):
        run(tmp_path, "two", seed)
    run(tmp_path, "three")
    (table,) = tables(tmp_path)
    assert table.title == "Pyramids, table 7 (tiny)"
    assert table.columns == [
        "pyramids", "repair", "seeds", "procedural_test EPE", "stereo EPE", "paper: the stereo pair", "M param.",
        "GMACs", "ms per pair", "paper: Sintel clean",
    ]  # fmt: skip
    two, three, other = rows_of(table)
    # stereo 2.0, 2.1, 2.2 and half of that; 20, 30 and 40 ms
    assert (two["stereo EPE"], two["procedural_test EPE"]) == ("2.100 ± 0.100", "1.050 ± 0.050")
    assert (two["paper: the stereo pair"], two["paper: Sintel clean"]) == ("0.80", "3.11")
    assert (two["seeds"], two["M param."], two["GMACs"], two["ms per pair"]) == ("3", "1.23", "5.68", "30.0")
    assert (three["stereo EPE"], three["paper: the stereo pair"]) == ("1.000", "0.75")
    assert (other["pyramids"], other["stereo EPE"], other["paper: the stereo pair"]) == ("other", "", "1.50")
    assert table.labels == 2 and table.breaks == frozenset()
    assert "“paper” is the claim of Somebody 2021, table 7, EPE; all else was measured here." in table.notes
    assert table.notes[-1] == "Two rows have one name." and not any("BD" in n or "λ" in n for n in table.notes)


def test_a_figure_that_is_claimed_of_one_set_is_shown_of_all(tmp_path: Path) -> None:
    study = STUDY | {"claims": {"kitti/fl_all": "KITTI Fl-all"}, "rows": [{"row": "two", "cells": ["2", "×"]}]}
    run(tmp_path, "two", study=study)
    (table,) = tables(tmp_path)
    assert table.columns[2:4] == ["procedural_test Fl-all %", "stereo Fl-all %"]


def test_parameters_stand_beside_those_in_print(tmp_path: Path) -> None:
    rows = [{"row": "two", "cells": ["2", "×"], "params_m": 6.1}, {"cells": ["other", "–"], "params_m": 9.4}]
    run(tmp_path, "two", study=STUDY | {"claims": {"params_m": "parameters M"}, "rows": rows})
    (table,) = tables(tmp_path)
    assert [(row["M param."], row["paper: parameters M"]) for row in rows_of(table)] == [("1.23", "6.1"), ("", "9.4")]


def test_runs_made_otherwise_do_not_share_a_table(tmp_path: Path) -> None:
    run(tmp_path / "a", "two")
    run(tmp_path / "b", "three", label="net_tiny row=three trainer.max_steps=9")
    assert {table.title for table in tables(tmp_path)} == {
        "Pyramids, table 7 (tiny)",
        "Pyramids, table 7 (tiny trainer.max_steps=9)",
    }
    run(tmp_path / "c", "two", label="large_tiny row=two", system="large")
    assert {table.title for table in tables(tmp_path)} == {
        "Pyramids, table 7 (net tiny)",
        "Pyramids, table 7 (tiny trainer.max_steps=9)",
        "Pyramids, table 7 (large tiny)",
    }


def test_a_run_measured_twice_counts_once_and_another_of_its_seed_is_told(tmp_path: Path) -> None:
    run(tmp_path / "trained", "two")
    run(tmp_path / "again", "two")
    (table,) = tables(tmp_path)
    assert rows_of(table)[0]["stereo EPE"] == "2.000" and not any("one seed" in note for note in table.notes)
    folder = run(tmp_path / "other", "two")
    content = json.loads((folder / "result.json").read_text())
    content["results"]["stereo/epe"] = [2.5]
    (folder / "result.json").write_text(json.dumps(content))
    (table,) = tables(tmp_path)
    assert any(note.startswith("two: two runs of one seed differ") for note in table.notes)


def test_studies_and_scores_are_in_every_form_of_the_report(tmp_path: Path) -> None:
    for seed in (0, 1):
        run(tmp_path / "runs", "two", seed)
    report = write_report([tmp_path / "runs"], tmp_path / "out")
    markdown, html = (tmp_path / "out" / f"report.{kind}" for kind in ("md", "html"))
    for text in (markdown.read_text(), html.read_text()):
        assert "Pyramids, table 7 (tiny)" in text and "paper: the stereo pair" in text and "2.050 ± 0.071" in text
    (section,) = json.loads((tmp_path / "out/report.json").read_text())["groups"]
    assert section["studies"][0]["columns"][:2] == ["pyramids", "repair"]
    assert section["scores"][0]["results"]["stereo/epe"] == [2.0, 2.1]
    console = Console(width=70, record=True, file=io.StringIO())
    print_report(report, console)
    assert "2.050 ± 0.071" in console.export_text()
