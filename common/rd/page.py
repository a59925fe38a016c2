"""`report.html`: the tables and figures of a report in one file that needs nothing else."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

from common.rd.tables import Table, to_html

STYLE = """
:root { color-scheme: light dark; --ink: #22272c; --soft: #59636c; --paper: #fff; --line: #dfe3e6 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e7ea; --soft: #9aa4ad; --paper: #15181b; --line: #343a40 }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
       max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2.5rem }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem }
img { max-width: 100%; height: auto; background: #fff; border-radius: 6px; margin: .4rem 0 }
.wide { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .9rem .25rem 0; text-align: left; border-bottom: 1px solid var(--line) }
th { color: var(--soft); font-weight: 600 } .n { text-align: right }
.b td { border-top: 2px solid var(--line) }
.note { color: var(--soft); font-size: .85rem; margin: .2rem 0 }
"""


def page(title: str, sections: Sequence[tuple[str, list[Path], list[Table]]], failures: Sequence[Table]) -> str:
    """HTML of (heading, figures, tables) sections, figures embedded; light or dark as the reader has it."""
    body = [f"<h1>{escape(title)}</h1>"]
    for heading, figures, tables in sections:
        body.append(f"<h2>{escape(heading)}</h2>")
        body += [_picture(figure) for figure in figures]
        body += [to_html(table) for table in tables]
    body += [to_html(table) for table in failures]
    content = "\n".join(body)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{content}\n</body>\n</html>\n"
    )


def _picture(path: Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return f'<p><img alt="{escape(path.stem)}" src="data:image/png;base64,{data}"></p>'
