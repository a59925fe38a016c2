"""The table of runs without a rate, worked out by hand."""

from pathlib import Path

import pytest
from support.score_runs import score_run

from common.report.flow_tables import column_of, lines, scores_table
from common.results.collect import collect
from common.results.flow_results import ScoreGroup
from common.results.groups import group_scores
from common.results.point_names import distinct


def group(root: Path) -> ScoreGroup:
    (found,) = group_scores(collect([root]).scores)
    return found


def figures(epe: float, fl_all: float, stereo: float | None) -> dict[str, float | None]:
    procedural = {"procedural_test/epe": epe, "procedural_test/1px": 9.0, "procedural_test/fl_all": fl_all}
    return {**procedural, "stereo/epe": stereo, "stereo/s40+": None}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A network with three seeds, a better one with one, and one that was not measured on the first set."""
    for seed, epe in ((2, 1.2), (0, 0.8), (1, 1.0)):
        score_run(tmp_path / f"small-{seed}", figures(epe, 2.5, 4.0), "small_tiny", seed)
    score_run(tmp_path / "large", figures(0.5, 1.25, None), "large_tiny")
    score_run(tmp_path / "lost", {"stereo/epe": 0.1}, "a_tiny")
    return tmp_path


def test_means_over_seeds_best_first(runs: Path) -> None:
    table = scores_table(group(runs))
    large, small, lost = (dict(zip(table.columns, row, strict=True)) for row in table.rows)
    assert [row["run"] for row in (large, small, lost)] == ["large_tiny", "small_tiny", "a_tiny"]
    # 0.8, 1.0, 1.2: mean 1, deviation sqrt((0.2² + 0 + 0.2²) / 2) = 0.2
    assert small["procedural_test EPE"] == "1.000 ± 0.200" and small["procedural_test Fl-all %"] == "2.50 ± 0.00"
    assert (small["M param."], small["GMACs"], small["ms per pair"]) == ("1.23", "5.68", "30.0")
    assert large["procedural_test EPE"] == "0.500" and large["stereo EPE"] == ""
    assert (lost["procedural_test EPE"], lost["stereo EPE"]) == ("", "0.100")
    assert [row["seeds"] for row in (large, small, lost)] == ["1", "3", "1"]
    assert not any("1px" in column or "s40+" in column for column in table.columns), "those are in the files"
    assert table.notes[0] == "Mean ± sample standard deviation of several seeds."


def test_seeds_are_a_column_only_where_they_differ(tmp_path: Path) -> None:
    score_run(tmp_path / "one", figures(0.5, 1.25, 2.0), "one")
    score_run(tmp_path / "two", figures(0.6, 1.25, 2.0), "two")
    table = scores_table(group(tmp_path))
    assert "seeds" not in table.columns and not any("seeds" in note for note in table.notes)


def test_a_run_measured_twice_counts_once_and_other_settings_are_a_line_of_their_own(tmp_path: Path) -> None:
    score_run(tmp_path / "trained", figures(0.5, 1.25, 2.0))
    score_run(tmp_path / "again", figures(0.5, 1.25, 2.0))
    assert [len(line) for line in lines(group(tmp_path))] == [1]
    score_run(tmp_path / "other", figures(0.7, 1.25, 2.0))
    assert [[score.results["procedural_test/epe"] for score in line] for line in lines(group(tmp_path))] == [
        [0.5],
        [0.7],
    ]


def test_figures_that_no_table_knows_are_all_shown(tmp_path: Path) -> None:
    score_run(tmp_path / "a", {"clips/vmaf": 90.0})
    table = scores_table(group(tmp_path))
    assert table.columns[1] == "clips vmaf" and table.rows[0][1] == "90.000"
    assert column_of("a/b/epe").heading == "a/b EPE"


def test_without_ground_truth_there_is_still_a_line(tmp_path: Path) -> None:
    score_run(tmp_path / "a", {})
    table = scores_table(group(tmp_path))
    assert table.columns == ["run", "M param.", "GMACs", "ms per pair"] and len(table.rows) == 1


def test_overrides_that_all_runs_have_stand_in_the_title() -> None:
    assert distinct(["a x=1 y=2", "b x=1"]) == (["a y=2", "b"], "x=1")
    assert distinct(["a x=1"]) == (["a x=1"], "")
    assert distinct(["a x=1", "b x=2"]) == (["a x=1", "b x=2"], "")
