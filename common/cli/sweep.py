"""`lic sweep`: how the points of a sweep stand, what failed once more, and W&B's file for one."""

import logging
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from common.cli.arguments import Parser
from common.errors import LicError
from common.io import read_json
from common.run.folder import RunFolder
from common.sweep.manifest import planned
from common.sweep.point_states import names_of, overrides_of, states
from common.sweep.slurm import LOGS, SETTINGS, job_of, submit
from common.sweep.slurm_settings import checked

COLOURS = {"finished": "green", "running": "cyan", "pending": "default", "stopped": "yellow", "failed": "red"}


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
    from common.engine import train
    from common.engine.outcome import run_job

    if not folder.config_file.exists() and overrides is not None:
        place = str(folder.path).replace("'", "\\'")
        return train.main([*overrides, f"hydra.run.dir='{place}'"])
    return run_job(lambda: train.resume(folder), folder.path).status


def main(argv: Sequence[str]) -> int:
    parser = Parser(
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
        from common.sweep.wandb_sweep import sweep_file

        print(sweep_file(given.overrides), end="")
        return 0
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return (show if given.verb == "status" else retry)(given.folder, Console())
