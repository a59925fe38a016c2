"""Training of a page: the curves that `web/training.js` draws, links to W&B, and where the runs' settings differ."""

import csv
import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from common.io import read_json
from common.report.html.controls import count, option, select
from common.report.tables import Table
from common.report.words import figure_in_words, setting_in_words, value_in_words
from common.results.collect import Collection
from common.results.point_names import distinct
from common.run.configs import TRACKED, differing, read_config

READ = 2000  # figures of a curve that are read, evenly spread over its steps
FEW, MANY = 60, 400  # figures of a curve that are drawn: means over equal spans
ALL = 120_000  # of all curves together


class Run(NamedTuple):
    """A finished run: the name of its curve, what it is called beside the others, what tells it from others of the
    curve, its folder."""

    curve: str
    name: str
    setting: str
    folder: Path

    @property
    def label(self) -> str:
        return " · ".join(part for part in (self.name, self.setting) if part)


def training_part(runs: Sequence[Run]) -> tuple[list[dict[str, Any]], str]:
    """What the script draws of the training of `runs`, and where."""
    trained = training_data(runs)
    return trained, _markup(trained, addresses(runs))


def _markup(trained: Sequence[dict[str, Any]], tracked: Sequence[tuple[str, str]]) -> str:
    """Training curves of all runs, one metric at a time, and links to those that W&B shows; empty without either."""
    links = " · ".join(f'<a href="{escape(address)}">{escape(label)}</a>' for label, address in tracked)
    elsewhere = f"<p class=note>Runs in Weights &amp; Biases: {links}</p>" if links else ""
    if not trained:
        return f'<section id="training">\n<h2>Training</h2>\n{elsewhere}</section>\n' if links else ""
    metrics = list(dict.fromkeys(name for run in trained for name in run["series"]))
    wanted = next((name for name in ("val/loss", "train/loss") if name in metrics), metrics[0])
    curves = {run["curve"]: run["label"] for run in trained}
    which = [
        option("", f"all {count(len(trained), 'run')}"),
        *(option(name, label) for name, label in curves.items()),
    ]
    chosen = select("Runs", "runs", which) if len(curves) > 1 else ""
    figures = [option(name, figure_in_words(name), name == wanted) for name in sorted(metrics)]
    return (
        '<section id="training">\n<h2>Training</h2>\n<div class="live training"><div class=bar>'
        f"{select('Figure', 'metric', figures)}{chosen}"
        '<label class="check"><input type="checkbox" name="log"> Logarithmic</label></div>'
        '<figure><div class="plot"></div></figure><div class="legend" role="group" aria-label="Legend"></div>'
        f"<p class=note>Long curves are drawn as means over equal spans of steps.</p></div>{elsewhere}</section>\n"
    )


def runs_of(found: Collection) -> list[Run]:
    """The runs that were found, curve by curve, each folder once."""
    places = [
        (curve.name, point.extra.get("lmbda"), point.extra.get("seed"), point.source)
        for curve in found.curves
        if curve.kind == "run"
        for point in curve.points
    ]
    places += [(score.name, None, score.seed, score.source) for score in found.scores]
    many_seeds = len({seed for _, _, seed, _ in places}) > 1
    names = list(dict.fromkeys(name for name, *_ in places))
    short = dict(zip(names, distinct(names)[0]))
    runs: dict[Path, Run] = {}
    for name, lmbda, seed, source in places:
        if source is not None:
            rate = [f"λ {lmbda:g}"] if isinstance(lmbda, (int, float)) else []
            said = [*rate, *([f"seed {seed}"] if many_seeds and seed is not None else [])]
            runs.setdefault(source.parent, Run(name, short[name], ", ".join(said), source.parent))
    return list(runs.values())


def addresses(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """(label, address) of the runs that W&B shows."""
    found = [(run.label, _address(run.folder / TRACKED)) for run in runs]
    return [(label, address) for label, address in found if address]


def _address(file: Path) -> str:
    content = read_json(file) if file.is_file() else {}
    address = str(content.get("wandb", "")) if isinstance(content, dict) else ""
    return address if address.startswith(("https://", "http://")) else ""


def training_data(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """[{"curve", "label", "setting", "series": {"val/loss": [[step], [value]], …}}] of runs with a `metrics.csv`."""
    read = [(run, _series(run.folder / "metrics.csv")) for run in runs]
    curves = sum(len(series) for _, series in read)
    most = max(FEW, min(MANY, ALL // max(1, curves)))
    return [
        {
            "curve": run.curve,
            "label": run.name,
            "setting": run.setting,
            "series": {name: _thinned(*columns, most) for name, columns in series.items()},
        }
        for run, series in read
        if series
    ]


def _series(file: Path) -> dict[str, tuple[list[float], list[float]]]:
    """Column -> steps and values where it has any; nothing of a file that is missing or no table."""
    if not file.is_file():
        return {}
    with file.open(newline="", encoding="utf-8", errors="replace") as text:
        head, *rows = list(csv.reader(text)) or [[]]
    columns = dict(zip(head, zip(*(row for row in rows if len(row) == len(head)))))
    steps = columns.pop("step", ())
    found = {}
    for name, cells in columns.items():
        filled = [number for number, cell in enumerate(cells) if cell]
        kept = filled[:: max(1, len(filled) // READ)]
        pairs = [(_number(steps[i]), _number(cells[i])) for i in kept] if steps else []
        known = [(step, value) for step, value in pairs if math.isfinite(step) and math.isfinite(value)]
        if len(known) > 1:
            found[name] = ([step for step, _ in known], [value for _, value in known])
    return found


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _thinned(steps: list[float], values: list[float], most: int) -> list[list[float]]:
    """At most `most` points: the last step and the mean of each of equal spans."""
    size = math.ceil(len(steps) / most)
    spans = [slice(start, start + size) for start in range(0, len(steps), size)]
    means = [sum(values[span]) / len(values[span]) for span in spans]
    return [[steps[span][-1] for span in spans], [float(f"{mean:.5g}") for mean in means]]


def settings_table(runs: Sequence[Run]) -> Table | None:
    """A line a run, a column for every setting in which they differ; None where they differ in nothing."""
    known = [(run, config) for run in runs if (config := read_config(run.folder))]
    columns = differing([config for _, config in known])
    if not columns:
        return None
    rows = [
        [run.label, *(value_in_words(values[i]) for values in columns.values())] for i, (run, _) in enumerate(known)
    ]
    words = [setting_in_words(keys[0]) for keys in columns]
    headings = [word if words.count(word) == 1 else keys[0] for word, keys in zip(words, columns)]
    called = "; ".join(f"{word}: {', '.join(keys)}" for word, keys in zip(headings, columns))
    notes = (
        "What all runs have alike is not shown. Settings that always go together share a column. In the runs’ "
        f"config.yaml they are called: {called}.",
    )
    return Table("Settings in which the runs differ", ["run", *headings], rows, 1 + len(columns), notes=notes)
