"""How points of a sweep are called."""

from pathlib import Path

from common.report.writer import failures_table
from common.results.collect import Failure
from common.results.point_names import distinguishing


def test_points_are_named_by_what_differs() -> None:
    assert distinguishing([["a=1", "b=1"], ["a=1", "b=2"]]) == ["b=1", "b=2"]
    assert distinguishing([["a=1"]]) == [""] and distinguishing([]) == []


def test_a_failed_point_is_told_from_those_that_have_not_failed(tmp_path: Path) -> None:
    folders = [tmp_path / f"sweep/lmbda-{n}+size-tiny-0123abcd" for n in (1, 2)]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text(f"overrides: [size=tiny, lmbda={folder.name[6]}]\n")
    table = failures_table([Failure(folders[1], "out of disk"), Failure(tmp_path / "alone", "damaged")])
    assert table is not None and table.rows == [["lmbda=2", "out of disk"], ["alone", "damaged"]]
