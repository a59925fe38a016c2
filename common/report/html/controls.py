"""Controls of a page as HTML, with their labels."""

from collections.abc import Sequence
from html import escape

from common.report.tables import Table, to_html


def select(label: str, name: str, options: Sequence[str]) -> str:
    """A choice among `options`, which `option` makes."""
    return f'<label>{label} <select name="{name}">{"".join(options)}</select></label>'


def option(value: object, text: str, chosen: bool = False) -> str:
    return f'<option value="{escape(str(value))}"{" selected" if chosen else ""}>{escape(text)}</option>'


def count(number: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def folded(table: Table) -> str:
    """A long table behind its title."""
    rows = count(len(table.rows), "row")
    shown = to_html(table).partition("</h3>")[2]
    return f"<details><summary>{escape(table.title)} <small>({rows})</small></summary>{shown}</details>\n"
