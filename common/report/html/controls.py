"""Controls of a page as HTML, with their labels."""

from collections.abc import Sequence
from html import escape


def select(label: str, name: str, options: Sequence[str]) -> str:
    """A choice among `options`, which `option` makes."""
    return f'<label>{label} <select name="{name}">{"".join(options)}</select></label>'


def option(value: object, text: str, chosen: bool = False) -> str:
    return f'<option value="{escape(str(value))}"{" selected" if chosen else ""}>{escape(text)}</option>'


def count(number: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
