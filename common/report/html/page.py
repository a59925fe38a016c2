"""`report.html`: curves, tables, pictures and training of a report in one file that needs no other file and no network.

Tables are plain HTML. Interactive parts are drawn by `web/*.js` from data in the page. plotly and the data are
compressed by gzip; the browser unpacks them. Pictures get what is left of `MAX_BYTES`.
"""

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any

from common.report.html.controls import count, folded
from common.report.html.curve_part import curve_part
from common.report.html.data_uris import data_uri
from common.report.html.gallery_part import gallery_data, gallery_part
from common.report.html.training_part import Run, training_part
from common.report.sections import ScoreSection, Section
from common.report.tables import Table, to_html
from common.results.bd import Method
from common.viz.palette import PAGE_OTHERS, PAGE_RUNS

MAX_BYTES = 14_500_000
SHELL = 60_000  # of style, scripts and controls
SHEETS = 0.4  # of the pictures' bytes, at most: sheets of frames, pairs and blocks
SHEET_SIDE, SHEET_QUALITY, OPEN_SHEETS = 1600, 82, 4
SCRIPTS = ("page.js", "bd.js", "curves.js", "gallery.js", "training.js")
LONG = 24  # rows; a longer table is folded
NO_SCRIPT = (
    "<noscript><p class=note>Curves and gallery need JavaScript; the figures lie beside this page.</p></noscript>"
)


def page(
    title: str,
    sections: Sequence[Section | ScoreSection],
    runs: Sequence[Run],
    settings: Table | None,
    failed: Table | None,
    method: Method,
    unmatched: Table | None = None,
) -> str:
    """The page of a report.

    Args:
        runs: whose training is shown.
        settings: in which they differ, shown at the end.
        failed: shown at the end, and said at the top.
        method: interpolation of the BD-rates.
        unmatched: published curves that join no table, shown at the end.
    """
    rated = [section for section in sections if isinstance(section, Section)]
    curves = [curve_part(number, section, method) for number, section in enumerate(rated)]
    trained, training = training_part(runs)
    scripts = _packed("data", _json({"sections": [data for data, _ in curves], "training": trained}).encode())
    if rated or trained:
        scripts += _packed("plotly", files("plotly").joinpath("package_data/plotly.min.js").read_bytes())
    last = ((settings, "settings"), (failed, "failed"), (unmatched, "unmatched"))
    closing = [_closing(table, name) for table, name in last if table]

    tables = [_tables(section) for section in sections]
    left = MAX_BYTES - SHELL - len(scripts) - sum(len(text.encode()) for text in (*chain(*tables), *closing))
    sheets = [_sheets(section.closer[1], int(SHEETS * left / len(sections))) for section in sections]
    left -= sum(map(len, sheets))
    parts, number = [], 0
    for section, (above, below), closer in zip(sections, tables, sheets):
        live, gallery = "", ""
        if isinstance(section, Section):
            live = curves[number][1]
            shown = gallery_data(section.group.curves, max(0, left) // len(rated))
            gallery = gallery_part(number, shown, _json(shown)) if shown else ""
            number += 1
        parts.append(f"<section>\n<h2>{escape(section.heading)}</h2>\n{live}{above}{gallery}{below}</section>\n")
        if closer:
            parts.append(f"<section>\n<h2>{escape(section.closer[0])}</h2>\n{closer}</section>\n")
    links = {"training": "training"} if training else {}
    links |= {"settings": "settings that differ"} if settings else {}
    about = _summary(sections, runs, len(failed.rows) if failed else 0, links)
    return _document(title, about, "".join([*parts, training, *closing]), scripts)


def _summary(
    sections: Sequence[Section | ScoreSection], runs: Sequence[Run], failed: int, links: Mapping[str, str]
) -> str:
    """What is on the page, in a line, with links down the page: `links` to other parts, text by name."""
    curves = len({run.curve for run in runs})
    noun = "curve" if any(isinstance(section, Section) for section in sections) else "line"
    said = [count(len(runs), "run"), count(curves, noun)] if runs else []
    more = [f'<a href="#{name}">{text}</a>' for name, text in links.items()]
    more += [f'<a class="bad" href="#failed">{count(failed, "point")} failed</a>'] if failed else []
    return f"<p>{' · '.join([*said, *more])}</p>\n{NO_SCRIPT}\n"


def _tables(section: Section | ScoreSection) -> tuple[str, str]:
    """Tables above and below the gallery: studies, points; BD-rates are drawn, see `bd_part`."""
    if isinstance(section, ScoreSection):
        return _joined(section.tables), ""
    return _joined(section.studies), _joined([section.points, *section.sequences])


def _joined(tables: Sequence[Table]) -> str:
    return "".join(folded(table) if len(table.rows) > LONG else to_html(table) for table in tables)


def _closing(table: Table, name: str) -> str:
    """A section of its own at the end of the page."""
    shown = folded(table) if len(table.rows) > LONG else to_html(table).partition("</h3>")[2]
    return f'<section id="{name}">\n<h2>{escape(table.title)}</h2>\n{shown}</section>\n'


def _sheets(pictures: Sequence[Path], budget: int) -> str:
    """The first of `pictures` that `budget` characters suffice for, all but a few of them behind a click."""
    found: list[str] = []
    for picture in pictures:
        source = data_uri(picture, SHEET_SIDE, SHEET_QUALITY)
        image = f'<p><img alt="{escape(picture.stem)}" decoding="async" src="{source}"></p>\n'
        if sum(map(len, found)) + len(image) > budget:
            break
        found.append(image)
    shown = "".join(found[:OPEN_SHEETS])
    if more := found[OPEN_SHEETS:]:
        shown += f"<details><summary>{len(more)} more</summary>\n{''.join(more)}</details>\n"
    if left := len(pictures) - len(found):
        shown += f"<p class=note>{left} more lie beside this page.</p>\n"
    return shown


def _json(data: Any) -> str:
    # In a script element "</script" would end it, whatever the names of curves are.
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _packed(name: str, content: bytes) -> str:
    """A script element that holds `content`, gzipped, for the page's script to open."""
    text = base64.b64encode(gzip.compress(content, 9, mtime=0)).decode("ascii")
    return f'<script type="application/gzip" id="{name}">{text}</script>\n'


def _colours() -> str:
    """The colours of curves as variables of the style sheet."""
    light, dark = (
        "".join(
            f" --{name}{i}: {colour};"
            for name, colours in (("c", PAGE_RUNS[paper]), ("grey", PAGE_OTHERS[paper]))
            for i, colour in enumerate(colours)
        )
        for paper in ("light", "dark")
    )
    return f":root {{{light} }}\n@media (prefers-color-scheme: dark) {{ :root:not(.paper) {{{dark} }} }}\n"


def _document(title: str, about: str, content: str, scripts: str) -> str:
    web = files("common.report.html").joinpath("web")
    style = _colours() + web.joinpath("page.css").read_text(encoding="utf-8")
    script = "\n".join(web.joinpath(name).read_text(encoding="utf-8") for name in SCRIPTS)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n"
        "<noscript><style>.live { display: none }</style></noscript>\n</head>\n<body>\n"
        f"<header>\n<h1>{escape(title)}</h1>\n{about}</header>\n<main>\n{content}</main>\n"
        f"{scripts}<script>\n{script}</script>\n</body>\n</html>\n"
    )
