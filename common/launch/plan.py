"""`sweep.json` in a sweep's folder: the points that it is to have, those included whose turn has not come."""

import json
from collections.abc import Sequence
from pathlib import Path

from common.launch.names import slug
from common.rd.points import write_json

PLAN = "sweep.json"


def note(sweep: Path, points: Sequence[Sequence[str]]) -> None:
    """Add `points`, each given by its overrides, to the plan of the sweep in `sweep`."""
    sweep.mkdir(parents=True, exist_ok=True)
    write_json(sweep / PLAN, {**planned(sweep), **{slug(overrides, sweep): list(overrides) for overrides in points}})


def planned(sweep: Path) -> dict[str, list[str]]:
    """Folder name of a point -> its overrides; empty where nothing is noted."""
    file = sweep / PLAN
    return json.loads(file.read_text()) if file.exists() else {}
