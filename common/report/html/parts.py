"""The interactive parts of a page as HTML: controls with their labels, and places that the scripts draw in."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from common.report.html.training_curves import Run
from common.report.sections import ScoreSection, Section
from common.report.tables import Table, to_html
from common.report.words import figure_in_words, overrides_in_words

SCALE = (
    '<div class="scale" hidden><i></i><div><span></span><span></span><span></span></div>'
    "<p class=note>Estimated bits, those of each position of a latent spread evenly over the pixels that it stands for."
    "</p></div>\n"
)
NO_SCRIPT = (
    "<noscript><p class=note>Curves and gallery need JavaScript; the figures lie beside this page.</p></noscript>"
)


def summary(
    sections: Sequence[Section | ScoreSection], runs: Sequence[Run], failures: Sequence[Table], links: Mapping[str, str]
) -> str:
    """What is on the page, in a line, with links down the page: `links` to other parts, text by name."""
    curves = len({run.curve for run in runs})
    said = [_count(len(runs), "run"), _count(curves, "curve" if any(map(_rated, sections)) else "line")] if runs else []
    more = [f'<a href="#{name}">{text}</a>' for name, text in links.items()]
    failed = sum(len(table.rows) for table in failures)
    more += [f'<a class="bad" href="#failed">{_count(failed, "point")} failed</a>'] if failed else []
    return f"<p>{' · '.join([*said, *more])}</p>\n{NO_SCRIPT}\n"


def _rated(section: Section | ScoreSection) -> bool:
    return isinstance(section, Section)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def rd_part(number: int, data: dict[str, Any]) -> str:
    """The rate-distortion curves of section `number`: a plot for each metric, over all or on one photograph."""
    parts = [_option("", _mean(data)), *(_option(*part) for part in enumerate(data["parts"]))]
    show = f"<div class=bar>{_select('Curves and BD-rates', 'part', parts)}</div>" if data["parts"] else ""
    metrics = data["metrics"]
    known = [i for i in range(len(metrics)) if any(p["mean"][i + 1] is not None for p in _points(data))]
    plots = [
        f"<figure><figcaption>{escape(metrics[i]['title'])}</figcaption>"
        f'<div class="plot" data-metric="{i}"></div></figure>'
        for i in known
    ]
    notes = f"<p class=note>All runs: {escape(overrides_in_words(data['shared']))}</p>" if data["shared"] else ""
    if data["seeds"]:
        notes += "<p class=note data-seeds hidden>On one of them, a point of several seeds is that of the first.</p>"
    if data["unpaired"]:
        named = ", ".join(data["unpaired"][:5]) + (", …" if len(data["unpaired"]) > 5 else "")
        notes += (
            f"<p class=note>In the means only: {escape(named)}. Several files of one result have this name, so nobody "
            "can tell which is which; evaluate again to have them one by one.</p>"
        )
    return (
        f'<div class="live rd" data-section="{number}">{show}<div class="plots">{"".join(plots)}</div>'
        f'<div class="legend" role="group" aria-label="Curves shown"></div>{notes}</div>\n'
    )


def _mean(data: dict[str, Any]) -> str:
    many = len(data["parts"]) > 1
    return f"mean over {_count(len(data['parts']), data['unit'])}" if many else "mean over the test set"


def _points(data: dict[str, Any]) -> list[dict[str, Any]]:
    return [point for curve in data["curves"] for point in curve["points"]]


def bd_part(number: int, data: dict[str, Any], section: Section) -> str:
    """Every curve's BD-rate against a baseline of the reader's choice, at first the anchor of the report's table, which
    is shown where there are no scripts; nothing where there is nothing to compare."""
    known = list(dict.fromkeys(i for metric in data["bd"].values() for i in metric["curves"]))
    if not known:
        return ""
    anchor = section.comparison.anchor if section.comparison else None
    first = next((i for i in known if section.shown.curves[i] is anchor), known[0])
    options = [_option(i, data["curves"][i]["label"], i == first) for i in known]
    return (
        f'<div class="live bd" data-section="{number}" data-mean="{_mean(data)}">'
        "<h3>BD-rate, <span class=of></span></h3>\n"
        f"<div class=bar>{_select('Against', 'anchor', options)}</div>"
        "<div class=wide></div><div class=notes></div></div>\n"
        f"<noscript>{''.join(map(to_html, section.bd))}</noscript>\n"
    )


def gallery_part(number: int, data: dict[str, Any], content: str) -> str:
    """The gallery of section `number`, whose data are `content`: a wipe between an original and what came back."""
    left = f" {_count(data['left'], 'more reconstruction')} did not fit on the page." if data["left"] else ""
    bits = any(shot["bits"] for photograph in data["photographs"] for shot in photograph["shots"])
    strength = (
        '<label class="check"><input type="checkbox" name="bits"> Where the bits went</label>'
        '<label class="weak">Strength <input type="range" name="strength" min="10" max="100" value="70"></label>'
    )
    return (
        f'<div class="live gallery" data-section="{number}"><h3>Gallery</h3>\n'
        '<div class="strip" role="group" aria-label="Photographs"></div>\n'
        f"<div class=bar>{_select('Left', 'left', [])}{_select('Right', 'curve', [])}{_select('at', 'point', [])}"
        f"{strength if bits else ''}</div>\n"
        '<div class="stage"><img class="right" alt=""><img class="bits" alt="" hidden><img class="left" alt="">'
        '<div class="edge"></div></div>\n'
        '<input class="wipe" type="range" min="0" max="1000" value="500" aria-label="Wipe from left to right">\n'
        f"{SCALE if bits else ''}"
        '<div class="captions"><p class="of-left"></p><p class="of-right" aria-live="polite"></p></div>\n'
        f"<p class=note>Pictures here are at most {data['side']} pixels wide or high and were made small as WebP "
        f"(quality {data['quality']}); the exact ones lie in the runs’ <code>pictures/</code>."
        f"{left}{_unmade(data['unmade'])}</p>\n"
        f'<script type="application/json" class="content">{content}</script></div>\n'
    )


def _unmade(names: Sequence[str]) -> str:
    """What to know of classical codecs of which there is no picture."""
    named = ", ".join(map(escape, names))
    return f" None of {named}: the files that were measured cannot be made again here." if names else ""


def training_part(trained: Sequence[dict[str, Any]], tracked: Sequence[tuple[str, str]]) -> str:
    """Training curves of all runs, one metric at a time, and links to those that W&B shows; empty without either."""
    links = " · ".join(f'<a href="{escape(address)}">{escape(label)}</a>' for label, address in tracked)
    elsewhere = f"<p class=note>Runs in Weights &amp; Biases: {links}</p>" if links else ""
    if not trained:
        return f'<section id="training">\n<h2>Training</h2>\n{elsewhere}</section>\n' if links else ""
    metrics = list(dict.fromkeys(name for run in trained for name in run["series"]))
    wanted = next((name for name in ("val/loss", "train/loss") if name in metrics), metrics[0])
    curves = {run["curve"]: run["label"] for run in trained}
    which = [
        _option("", f"all {_count(len(trained), 'run')}"),
        *(_option(name, label) for name, label in curves.items()),
    ]
    chosen = _select("Runs", "runs", which) if len(curves) > 1 else ""
    figures = [_option(name, figure_in_words(name), name == wanted) for name in sorted(metrics)]
    return (
        '<section id="training">\n<h2>Training</h2>\n<div class="live training"><div class=bar>'
        f"{_select('Figure', 'metric', figures)}{chosen}"
        '<label class="check"><input type="checkbox" name="log"> Logarithmic</label></div>'
        '<figure><div class="plot"></div></figure><div class="legend" role="group" aria-label="Legend"></div>'
        f"<p class=note>Long curves are drawn as means over equal spans of steps.</p></div>{elsewhere}</section>\n"
    )


def folded(table: Table) -> str:
    """A long table behind its title."""
    rows = _count(len(table.rows), "row")
    shown = to_html(table).partition("</h3>")[2]
    return f"<details><summary>{escape(table.title)} <small>({rows})</small></summary>{shown}</details>\n"


def _select(label: str, name: str, options: Sequence[str]) -> str:
    return f'<label>{label} <select name="{name}">{"".join(options)}</select></label>'


def _option(value: object, text: str, chosen: bool = False) -> str:
    return f'<option value="{escape(str(value))}"{" selected" if chosen else ""}>{escape(text)}</option>'
