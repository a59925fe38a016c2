"""What `hydra/launcher=slurm` does: the points' folders, their jobs, and, if wanted, waiting for them."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus, filter_overrides, setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from common.engine.outcome import Outcome, attempt, run_job
from common.engine.session import current
from common.engine.train import prepared
from common.errors import LicError
from common.results.point_names import distinguishing
from common.run.folder import RunFolder
from common.sweep.point_states import names_of, state
from common.sweep.slurm import intend, job_of, queue, submit
from common.sweep.slurm_settings import checked

log = logging.getLogger(__name__)


def launch(
    context: HydraContext, config: DictConfig, job_overrides: Sequence[Sequence[str]], first: int, settings: Any
) -> list[JobReturn]:
    """Submit one point for each of `job_overrides`; the launcher's `settings` are those of the configuration."""
    setup_globals()
    if config.hydra.job.config_name != "train":
        raise LicError(f"hydra/launcher=slurm is for `lic train -m`; run `lic {config.hydra.job.config_name}` here.")
    settings = checked({k: OmegaConf.to_container(v) if OmegaConf.is_config(v) else v for k, v in settings.items()})
    sweep = Path(config.hydra.sweep.dir)
    configs = []
    for number, overrides in enumerate(job_overrides, first):
        log.info("\t#%d : %s", number, " ".join(filter_overrides(overrides)))
        whole = context.config_loader.load_sweep_config(config, list(overrides))
        with open_dict(whole):
            whole.hydra.job.id, whole.hydra.job.num = str(number), number
        configs.append(whole)
    current().outcomes.extend(run(configs, sweep, settings))
    HydraConfig.instance().set_config(config)
    return [JobReturn(overrides=list(overrides), status=JobStatus.COMPLETED) for overrides in job_overrides]


def run(configs: Sequence[DictConfig], sweep: Path, settings: dict[str, Any]) -> list[Outcome]:
    """Submit the points that `configs` describe and, if wanted, wait for them.

    Returns:
        how the points ended that were not submitted or were waited for; last, how the whole failed, if it did.
    """
    wait, every = settings.pop("wait"), settings.pop("poll_s")
    outcomes: list[Outcome] = []

    def job() -> None:
        folders, failed = begin(configs, sweep, settings)
        outcomes.extend(failed)
        if wait:
            log.info("Waiting for them; this may be stopped, the jobs go on: lic sweep status %s", sweep)
            wait_for(folders, every, sweep)
            outcomes.extend(ended(folder) for folder in folders)
        else:
            log.info("Look at them with: lic sweep status %s", sweep)

    whole = run_job(job, sweep)
    return [*outcomes, whole] if whole.reason else outcomes


def begin(
    configs: Sequence[DictConfig], sweep: Path, settings: dict[str, Any]
) -> tuple[list[RunFolder], list[Outcome]]:
    """Submit the points that `configs` describe, but for those that are finished or in SLURM's hands already.

    Returns:
        folders: of all points but those that failed before they were submitted.
        failed: how those did.
    """
    queued = queue()
    folders, todo, failed = [], [], []
    names = distinguishing([list(whole.hydra.overrides.task) for whole in configs])
    for name, whole in zip(names, configs):
        folder = folder_of(whole)
        job = job_of(folder)
        if job and job["job"] in queued:
            log.info("%s: %s already (job %s)", name or folder.path.name, queued[job["job"]].state.lower(), job["job"])
            folders.append(folder)
            continue
        begins, outcome = prepare(whole, folder)
        if outcome.reason:
            failed.append(outcome)
            continue
        folders.append(folder)
        if begins:
            todo.append(folder)
            intend([folder], sweep, settings)
    if todo:
        submit(todo, sweep, settings)
    return folders, failed


def folder_of(whole: DictConfig) -> RunFolder:
    """The folder of the point that `whole` describes, Hydra's part included, which learns it."""
    HydraConfig.instance().set_config(whole)  # the folder's name is computed from it
    folder = RunFolder(Path(whole.hydra.sweep.dir, whole.hydra.sweep.subdir).resolve())
    with read_write(whole.hydra.runtime), open_dict(whole.hydra.runtime):
        whole.hydra.runtime.output_dir = str(folder.path)
    HydraConfig.instance().set_config(whole)
    return folder


def prepare(whole: DictConfig, folder: RunFolder) -> tuple[bool, Outcome]:
    """Make `folder` that of the point; whether it is to be submitted (not: it is finished), and how this ended."""
    cfg = OmegaConf.masked_copy(whole, [str(key) for key in whole if key != "hydra"])
    begins = False

    def job() -> None:
        nonlocal begins
        with attempt(folder):
            begins = prepared(cfg, folder)

    outcome = run_job(job, folder.path)
    return begins, outcome


def wait_for(folders: Sequence[RunFolder], every: float, sweep: Path) -> None:
    """Return when SLURM has ended the jobs of all `folders`, saying how each stands; ask it after `every` seconds."""
    waiting = {job["job"]: folder for folder in folders if (job := job_of(folder))}
    names = dict(zip(waiting, names_of(list(waiting.values()), sweep)))
    known: dict[str, str] = {}
    while waiting:
        now = queue()
        for number, folder in list(waiting.items()):
            if number not in now:
                said = ": ".join(state(folder, now))
                del waiting[number]
            else:  # a reason may be one that does not pass, such as PartitionConfig: more CPUs than a node has
                reason = f": {now[number].reason}" if now[number].state == "PENDING" else ""
                said = f"{now[number].state.lower()} (job {number}{reason})"
            if said != known.get(number):
                log.info("%s: %s", names[number], said)
                known[number] = said
        if waiting:
            time.sleep(every)


def ended(folder: RunFolder) -> Outcome:
    """How the run in `folder` has ended, whose job is no longer SLURM's."""
    found = state(folder, {})
    return Outcome(folder.path) if found.kind == "finished" else Outcome(folder.path, found.detail, status=1)
