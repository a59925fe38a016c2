"""Tables in a terminal, none wider than it."""

import textwrap

from rich.table import Table as RichTable
from rich.text import Text

from common.report.tables import Table


def to_rich(table: Table, width: int) -> list[RichTable]:
    """For a terminal of `width` characters, without the notes, which a narrow table would wrap into a column.

    A table that is wider has its headings folded and, where that does not suffice, comes in parts: some of the figures
    each, the label columns in all. Figures are never broken over lines; labels are, where they take half the width.
    """
    if sum(_widths(table)) < width:
        return [_rich(table)]
    folded = table._replace(columns=[_folded(table, i) for i in range(len(table.columns))])
    widths = _widths(folded)
    free = width - 1 - min(sum(widths[: table.labels]), width // 2)
    parts: list[list[int]] = [[]]
    for i in range(table.labels, len(widths)):
        if parts[-1] and sum(widths[j] for j in parts[-1]) + widths[i] > free:
            parts.append([])
        parts[-1].append(i)
    return [_rich(_part(folded, [*range(table.labels), *part], n)) for n, part in enumerate(parts)]


def _rich(table: Table) -> RichTable:
    shown = RichTable(title=Text(table.title), title_justify="left")
    for i, column in enumerate(table.columns):
        label = i < table.labels
        shown.add_column(Text(column), justify="left" if label else "right", no_wrap=not label)
    for i, row in enumerate(table.rows):
        if i in table.breaks:
            shown.add_section()
        shown.add_row(*(Text(cell) for cell in row))
    return shown


def _part(table: Table, columns: list[int], number: int) -> Table:
    return table._replace(
        title=f"{table.title}, continued" if number else table.title,
        columns=[table.columns[i] for i in columns],
        rows=[[row[i] for i in columns] for row in table.rows],
    )


def _widths(table: Table) -> list[int]:
    """Characters that each column takes, with a rule and a space on either side."""
    columns = zip(table.columns, *table.rows)
    return [3 + max(len(line) for cell in cells for line in cell.split("\n")) for cells in columns]


def _folded(table: Table, i: int) -> str:
    """Column `i`'s heading, over several lines where it is wider than what stands below it."""
    longest = max(len(text) for text in (*(row[i] for row in table.rows), *table.columns[i].split()))
    return "\n".join(textwrap.wrap(table.columns[i], longest, break_on_hyphens=False))
