"""The notebook of image codecs runs from top to bottom and shows its figures."""

from pathlib import Path

from support.notebooks import assert_kept_with_small_outputs, assert_shows_figures, executed, table_of


def test_it_is_kept_with_small_outputs() -> None:
    assert_kept_with_small_outputs("image_codecs")


def test_it_shows_its_figures(place: Path) -> None:
    notebook = executed("image_codecs", "steps = 60 ", 4, place)
    assert_shows_figures(notebook, 13)
    table = table_of(notebook, "latent_bits")
    assert "<td>y</td>" in table and "<td>z</td>" in table
    assert (place / "runs/notebook/adjacent-4/result.json").exists()
