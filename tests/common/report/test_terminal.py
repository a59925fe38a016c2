"""Tables in a terminal: whole where they fit, else in parts that each say their rows."""

import io

import pytest
from rich.console import Console

from common.report.tables import Table
from common.report.terminal import to_rich

TABLE = Table("Rows", ["row", "first figure", "second", "third"], [["a", "0.1234 ± 0.0001", "2.00", "3.00"]] * 2)


def lines(table: Table, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(*to_rich(table, width), sep="\n")
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


def test_a_table_that_fits_is_one_with_its_headings_whole() -> None:
    assert len(to_rich(TABLE, 80)) == 1
    assert any("first figure" in line for line in lines(TABLE, 80))


@pytest.mark.parametrize("width", [24, 30, 40])
def test_a_wider_one_comes_in_parts_none_wider_than_the_terminal(width: int) -> None:
    shown = lines(TABLE, width)
    assert max(map(len, shown)) <= width
    rows = [line for line in shown if line.startswith("│ a")]
    parts = to_rich(TABLE, width)
    assert len(rows) == 2 * len(parts), "every part repeats the label column"
    assert sum("0.1234 ± 0.0001" in line for line in rows) == 2, "a figure is neither broken nor lost"
    assert sum("3.00" in line for line in rows) == 2
    assert [part.title.plain.endswith(", continued") for part in parts] == [i > 0 for i in range(len(parts))]  # type: ignore[union-attr]


def test_headings_fold_before_columns_part() -> None:
    wide = Table("Rows", ["row", "a heading of many words"], [["a", "1.0"]])
    assert len(to_rich(wide, 20)) == 1 and max(map(len, lines(wide, 20))) <= 20
