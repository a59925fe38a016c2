"""How the points of a sweep stand: finished, running, pending, stopped or failed."""

import csv
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from common.errors import LicError
from common.io import read_json
from common.results.point_names import distinguishing, overrides_in
from common.run.folder import RunFolder
from common.run.locks import held
from common.sweep.manifest import planned
from common.sweep.slurm import Queued, job_of, queue


class State(NamedTuple):
    """kind: finished, running, pending, stopped (it can go on) or failed; detail: how far, since when, or why."""

    kind: str
    detail: str


def state(folder: RunFolder, queued: Mapping[str, Queued]) -> State:
    """How the run in `folder` stands; `queued`: see `common.sweep.slurm.queue`."""
    if folder.result.exists():
        try:
            results = read_json(folder.result)["results"]
            return State("finished", ", ".join(f"{k} {v:.4g}" for k, (v, *_) in results.items() if v is not None))
        except (LicError, KeyError, TypeError, ValueError, AttributeError):
            return State("failed", "its result.json is damaged: delete that, and the run's command evaluates it again")
    job = job_of(folder)
    waiting = queued.get(job["job"]) if job else None
    if waiting and waiting.state in ("PENDING", "REQUEUED", "REQUEUE_HOLD", "SUSPENDED"):
        return State("pending", f"job {job['job']}, {waiting.reason or waiting.state}; {progress(folder)}")  # type: ignore[index]
    if waiting or held(folder.path / ".lock"):
        return State("running", progress(folder))
    if folder.failure.exists():
        return State("failed", read_json(folder.failure)["reason"])
    if job and not job["job"]:
        return State("stopped", f"not submitted; {progress(folder)}")
    if job:
        return State("failed", f"SLURM ended job {job['job']} before it could say why: see {job['log']}")
    return State("stopped", progress(folder))


def states(sweep: Path) -> list[tuple[RunFolder, State]]:
    """Every point of the sweep in `sweep` and how it stands; SLURM is asked only where a point was submitted to it."""
    folders = points(sweep)
    queued = queue() if any(folder.job.exists() for folder in folders) else {}
    found = [(folder, state(folder, queued)) for folder in folders if folder.config_file.exists()]
    waiting = any(each.kind == "running" for _, each in found)
    to_come = State("pending", "its turn comes") if waiting else State("stopped", "not begun")
    return found + [(folder, to_come) for folder in folders if not folder.config_file.exists()]


def progress(folder: RunFolder) -> str:
    """`step 1200 of 2000`, as far as the training curves say."""
    total = folder.config().trainer.max_steps
    if folder.weights.exists():
        return f"trained {total} steps, being evaluated"
    curves = folder.path / "metrics.csv"
    if curves.exists():
        with curves.open() as file:
            step = max((int(row["step"]) + 1 for row in csv.DictReader(file) if row.get("step")), default=0)
        return f"step {step} of {total}"
    if folder.checkpoint.exists():  # another logger has the curves
        saved = datetime.fromtimestamp(folder.checkpoint.stat().st_mtime)
        return f"of {total} steps, saved last at {saved:%Y-%m-%d %H:%M:%S}"
    return f"of {total} steps none is saved"


def points(sweep: Path) -> list[RunFolder]:
    """The runs of the sweep in `sweep`, those included that are only planned, or the run that it is."""
    begun = [file.parent for file in [*sweep.glob("config.yaml"), *sorted(sweep.glob("[!.]*/config.yaml"))]]
    to_come = [sweep / name for name in planned(sweep) if sweep / name not in begun]
    folders = [RunFolder(path) for path in begun + to_come]
    if not folders:
        raise LicError(f"{sweep} holds no runs: give the folder of a sweep, runs/NAME.")
    return folders


def names_of(folders: Sequence[RunFolder], sweep: Path) -> list[str]:
    """What tells the runs in `folders` of a sweep apart; of a single one its folder's name."""
    plan = planned(sweep)
    said = [overrides_of(folder, sweep, plan) or overrides_in(folder.path) for folder in folders]
    return [name or folder.path.name for name, folder in zip(distinguishing(said), folders)]


def overrides_of(folder: RunFolder, sweep: Path, plan: Mapping[str, list[str]]) -> list[str] | None:
    path, place = folder.path.absolute(), sweep.absolute()
    return plan.get(str(path.relative_to(place))) if path.is_relative_to(place) else None
