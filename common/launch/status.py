"""`lic sweep`: how the points of a sweep stand, what failed once more, and W&B's file for one."""

import argparse
import csv
import json
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from common.errors import LicError
from common.launch.folder import RunFolder
from common.launch.locks import held
from common.launch.plan import planned
from common.launch.slurm import LOGS, SETTINGS, Queued, job_of, queue, submit
from common.launch.slurm_settings import checked
from common.rd.point_names import distinguishing, overrides_in
from common.rd.points import read_json

COLOURS = {"finished": "green", "running": "cyan", "pending": "default", "stopped": "yellow", "failed": "red"}


class State(NamedTuple):
    """kind: finished, running, pending, stopped (it can go on) or failed; detail: how far, since when, or why."""

    kind: str
    detail: str


def state(folder: RunFolder, queued: Mapping[str, Queued]) -> State:
    """How the run in `folder` stands; `queued`: see `common.launch.slurm.queue`."""
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
        return State("failed", json.loads(folder.failure.read_text())["reason"])
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


def show(sweep: Path, console: Console) -> int:
    """Print how every point stands; 1 where one has failed."""
    found = states(sweep)
    table = Table("point", "state", "", title=str(sweep), title_justify="left")
    names = names_of([folder for folder, _ in found], sweep)
    for name, (folder, (kind, detail)) in zip(names, found):
        log = f"\n{job['log']}" if kind == "failed" and (job := job_of(folder)) and job["log"] not in detail else ""
        table.add_row(Text(name), Text(kind, COLOURS[kind]), Text(detail + log))
    console.print(table)
    counts = {kind: sum(s.kind == kind for _, s in found) for kind in COLOURS}
    console.print(", ".join(f"{count} {kind}" for kind, count in counts.items() if count))
    return int(counts["failed"] > 0)


def names_of(folders: Sequence[RunFolder], sweep: Path) -> list[str]:
    """What tells the runs in `folders` of a sweep apart; of a single one its folder's name."""
    plan = planned(sweep)
    said = [overrides_of(folder, sweep, plan) or overrides_in(folder.path) for folder in folders]
    return [name or folder.path.name for name, folder in zip(distinguishing(said), folders)]


def overrides_of(folder: RunFolder, sweep: Path, plan: Mapping[str, list[str]]) -> list[str] | None:
    path, place = folder.path.absolute(), sweep.absolute()
    return plan.get(str(path.relative_to(place))) if path.is_relative_to(place) else None


def retry(sweep: Path, console: Console) -> int:
    """Run what failed or was stopped, each from its checkpoint, and what never began: on its cluster, or here."""
    again = [folder for folder, found in states(sweep) if found.kind in ("failed", "stopped")]
    if not again:
        console.print("Nothing has failed.")
        return 0
    remote = [folder for folder in again if folder.job.exists()]
    for place, folders in by_sweep(remote).items():
        submit(folders, place, checked(read_json(place / LOGS / SETTINGS)))
    plan = planned(sweep)
    local = [folder for folder in again if folder not in remote]
    return max((here(folder, overrides_of(folder, sweep, plan)) for folder in local), default=0)


def by_sweep(folders: Sequence[RunFolder]) -> dict[Path, list[RunFolder]]:
    """Runs that are a cluster's by the folder where their sweep noted the launcher's settings."""
    found: dict[Path, list[RunFolder]] = {}
    for folder in folders:
        places = [place for place in folder.path.absolute().parents if (place / LOGS / SETTINGS).exists()]
        if not places:
            raise LicError(f"{folder.path} was a cluster's, and its launcher's settings are lost: give its lic train.")
        found.setdefault(places[0], []).append(folder)
    return found


def here(folder: RunFolder, overrides: Sequence[str] | None) -> int:
    """Bring the run in `folder`, which was begun or is to be by `overrides`, to its end; the exit status."""
    from common.launch import train
    from common.launch.application import outcomes, run_job
    from common.launch.quiet import quiet

    if not folder.config_file.exists() and overrides is not None:
        place = str(folder.path).replace("'", "\\'")
        return train.main([*overrides, f"hydra.run.dir='{place}'"])
    quiet()
    run_job(lambda: train.resume(folder), folder.path)
    return outcomes[-1].status if outcomes[-1].reason else 0


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="lic sweep", description="How the points of a sweep stand, wherever they run, and what failed once more."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    status = verbs.add_parser(
        "status", help="each point: pending, running at its step, finished, stopped or failed; 1 where one has failed"
    )
    again = verbs.add_parser("retry", help="run what failed or was stopped, from its last checkpoint")
    for verb in (status, again):
        verb.add_argument("folder", type=Path, metavar="DIR", help="the sweep's folder, runs/NAME, or one run's")
    agent = verbs.add_parser("wandb", help="print the file from which `wandb sweep` and its agents run these points")
    agent.add_argument("overrides", nargs="+", metavar="KEY=VALUES", help="as of lic train -m")
    given = parser.parse_args(argv)
    if given.verb == "wandb":
        from common.launch.agent import sweep_file

        print(sweep_file(given.overrides), end="")
        return 0
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return (show if given.verb == "status" else retry)(given.folder, Console())
