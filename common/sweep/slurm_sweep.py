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

from common.engine.application import Outcome, attempt, outcomes, run_job
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
    run_job(lambda: run(configs, sweep, settings), sweep)
    if outcomes[-1].reason is None:
        outcomes.pop()  # those of the points are enough
    HydraConfig.instance().set_config(config)
    return [JobReturn(overrides=list(overrides), status=JobStatus.COMPLETED) for overrides in job_overrides]


def run(configs: Sequence[DictConfig], sweep: Path, settings: dict[str, Any]) -> None:
    """Submit the points that `configs` describe, but for those that are finished or in SLURM's hands already."""
    wait, every = settings.pop("wait"), settings.pop("poll_s")
    queued = queue()
    folders, todo = [], []
    names = distinguishing([list(whole.hydra.overrides.task) for whole in configs])
    for name, whole in zip(names, configs):
        folder = folder_of(whole)
        job = job_of(folder)
        if job and job["job"] in queued:
            log.info("%s: %s already (job %s)", name or folder.path.name, queued[job["job"]].state.lower(), job["job"])
            folders.append(folder)
        elif (begins := prepare(whole, folder)) is not None:
            folders.append(folder)
            if begins:
                todo.append(folder)
                intend([folder], sweep, settings)
    if todo:
        submit(todo, sweep, settings)
    if wait:
        log.info("Waiting for them; this may be stopped, the jobs go on: lic sweep status %s", sweep)
        wait_for(folders, every, sweep)
        outcomes.extend(ended(folder) for folder in folders)
    else:
        log.info("Look at them with: lic sweep status %s", sweep)


def folder_of(whole: DictConfig) -> RunFolder:
    """The folder of the point that `whole` describes, Hydra's part included, which learns it."""
    HydraConfig.instance().set_config(whole)  # the folder's name is computed from it
    folder = RunFolder(Path(whole.hydra.sweep.dir, whole.hydra.sweep.subdir).resolve())
    with read_write(whole.hydra.runtime), open_dict(whole.hydra.runtime):
        whole.hydra.runtime.output_dir = str(folder.path)
    HydraConfig.instance().set_config(whole)
    return folder


def prepare(whole: DictConfig, folder: RunFolder) -> bool | None:
    """Whether the point is to be submitted (not: it is finished); None where it failed already, as its outcome says."""
    cfg = OmegaConf.masked_copy(whole, [str(key) for key in whole if key != "hydra"])
    begins: list[bool] = []

    def job() -> None:
        with attempt(folder):
            begins.append(prepared(cfg, folder))

    run_job(job, folder.path)
    if not begins:
        return None
    outcomes.pop()  # the point's outcome is its job's
    return begins[0]


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
    return Outcome(folder.path, None if found.kind == "finished" else found.detail)
