"""Runs without a rate: figures of several test sets, as their run folders hold them.

`result.json` of such a run has "results": {"SET/FIGURE": [value], …} (null where a figure is not defined), with
"protocol", "dataset", "curve" (its label), "seed", "parameters" and "gmacs" beside it; `timing.json` may lie there, too
("pair_time": s). What was drawn of a pair is `flow/SET_PAIR.png`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from common.errors import LicError
from common.results.points import is_number, plain


class Score(NamedTuple):
    """What one run was measured at.

    Attributes:
        name: its label; runs of one name differ in their seed alone.
        results: SET/FIGURE -> value, None where not defined: a function of the run's configuration.
        costs: parameters, gmacs, and seconds by name.
        dataset: identities of all test sets, "NAME N pairs HASH8, …".
        source: the result.json.
    """

    name: str
    results: Mapping[str, float | None]
    costs: Mapping[str, float | None]
    protocol: str | None
    dataset: str | None
    seed: int | None
    source: Path


class ScoreGroup(NamedTuple):
    """Scores that may share a table: one protocol, the same test sets."""

    protocol: str | None
    dataset: str | None
    scores: tuple[Score, ...]


def score(content: Mapping[str, Any], timing: Mapping[str, Any], path: Path) -> Score:
    """The run whose result.json at `path` holds `content`.

    Raises:
        LicError: a figure is no list of one number or null.
    """
    results = {}
    for key, values in content["results"].items():
        if not (isinstance(values, list) and len(values) == 1 and (values[0] is None or is_number(values[0]))):
            raise LicError(f'{path}: "{key}" holds {values!r} where a list of one number is expected.')
        results[key] = values[0]
    costs = {"parameters": content.get("parameters"), "gmacs": content.get("gmacs"), **timing}
    return Score(
        name=plain(content.get("curve") or content.get("name") or path.parent.name),
        results=results,
        costs={key: value for key, value in costs.items() if is_number(value)},
        protocol=content["protocol"],
        dataset=content.get("dataset"),
        seed=content.get("seed"),
        source=path,
    )
