"""The notebook of optical flow runs from top to bottom and shows its figures."""

from pathlib import Path

from support.notebooks import assert_kept_with_small_outputs, assert_shows_figures, executed, table_of


def test_it_is_kept_with_small_outputs() -> None:
    assert_kept_with_small_outputs("optical_flow")


def test_it_shows_its_figures(place: Path) -> None:
    notebook = executed("optical_flow", "steps = 120 ", 2, place)
    assert_shows_figures(notebook, 14)
    table = table_of(notebook, "FlowMetrics()")
    assert "<td>network</td>" in table and "<td>zero flow</td>" in table and "unmatched" in table
    assert (place / "runs/notebook/deeppynet-2/result.json").exists()
