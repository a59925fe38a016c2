"""The notebook of video codecs runs from top to bottom and shows its figures."""

from pathlib import Path

from support.notebooks import assert_kept_with_small_outputs, assert_shows_figures, executed, table_of


def test_it_is_kept_with_small_outputs() -> None:
    assert_kept_with_small_outputs("video_codec")


def test_it_shows_its_figures(place: Path) -> None:
    notebook = executed("video_codec", "steps = 30 ", 2, place)
    assert_shows_figures(notebook, 7)
    drift = table_of(notebook, "the decoder drifts")
    assert drift.count("<td>intra</td>") == 2 and drift.count("<td>forward</td>") == 9
    means = table_of(notebook, "Mean PSNR of P frames")
    assert "<td>uni-IPPP</td>" in means and "<td>bi-IPPP</td>" in means
    assert (place / "runs/notebook/ofmc-2/result.json").exists()
