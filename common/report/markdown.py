"""Tables as GitHub's Markdown. Special characters are escaped."""

import re

from common.report.tables import Table

# What would become emphasis, code, a formula, an element, a link, a column. An underscore within a word is text.
_SPECIAL = re.compile(r"[\\`*$<~|]|(?<![^\W_])_|_(?![^\W_])|(?<=\])\(|!(?=\[)|&(?=#?\w+;)")


def text_of(name: str) -> str:
    """`name` in Markdown, where it reads as it is."""
    return _SPECIAL.sub(lambda found: "\\" + found.group(), " ".join(name.split()))


def to_markdown(table: Table) -> str:
    """A table under a heading, the notes as a list below."""
    rules = ["---" if i < table.labels else "---:" for i in range(len(table.columns))]
    cells = [table.columns, *table.rows]
    head, *rows = [" | ".join(map(text_of, row)) for row in cells]
    lines = [f"### {text_of(table.title)}", "", *(f"| {row} |" for row in (head, " | ".join(rules), *rows))]
    return "\n".join([*lines, *(["", *(f"- {text_of(note)}" for note in table.notes)] if table.notes else [])]) + "\n"
