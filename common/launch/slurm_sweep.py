"""What `hydra/launcher=slurm` does: the points' folders, their jobs, and, if wanted, waiting for them."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus, filter_overrides, setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from common.launch.application import Outcome, attempt, outcomes, run_job
from common.launch.folder import RunFolder
from common.launch.slurm import submit, wait_for
from common.launch.train import prepared

log = logging.getLogger(__name__)


def launch(
    context: HydraContext, config: DictConfig, job_overrides: Sequence[Sequence[str]], first: int, settings: Any
) -> list[JobReturn]:
    """Submit one point for each of `job_overrides`; the launcher's `settings` are those of the configuration."""
    setup_globals()
    if config.hydra.job.config_name != "train":
        raise SystemExit(f"hydra/launcher=slurm is for `lic train -m`; run `lic {config.hydra.job.config_name}` here.")
    settings = {k: OmegaConf.to_container(v) if OmegaConf.is_config(v) else v for k, v in settings.items()}
    wait, every = settings.pop("wait"), settings.pop("poll_s")
    sweep = Path(config.hydra.sweep.dir)
    points: list[tuple[RunFolder, bool]] = []  # and whether it is to be submitted
    returns = []
    for number, overrides in enumerate(job_overrides, first):
        log.info("\t#%d : %s", number, " ".join(filter_overrides(overrides)))
        whole = context.config_loader.load_sweep_config(config, list(overrides))
        with open_dict(whole):
            whole.hydra.job.id, whole.hydra.job.num = str(number), number
        if made := point(whole):
            points.append(made)
        returns.append(JobReturn(overrides=list(overrides), status=JobStatus.COMPLETED))
    HydraConfig.instance().set_config(config)
    todo = [folder for folder, begins in points if begins]
    if todo and not submitted(todo, sweep, settings):
        return returns
    if wait:
        log.info("Waiting for them; this may be stopped, the jobs go on: lic sweep status %s", sweep)
        wait_for(todo, every)
        outcomes.extend(ended(folder) if begins else Outcome(folder.path, None) for folder, begins in points)
    else:
        log.info("Look at them with: lic sweep status %s", sweep)
    return returns


def submitted(todo: Sequence[RunFolder], sweep: Path, settings: Any) -> bool:
    """Whether all of `todo` could be submitted; if not, the outcome says why."""
    sweep.mkdir(parents=True, exist_ok=True)
    run_job(lambda: submit(todo, sweep, settings), sweep)
    if outcomes[-1].reason is None:
        outcomes.pop()  # the points' outcomes are their jobs'
        return True
    return False


def point(whole: DictConfig) -> tuple[RunFolder, bool] | None:
    """The folder of the point that `whole`, Hydra's part included, describes, and whether it is to be submitted.

    None where it failed already: its outcome says why.
    """
    HydraConfig.instance().set_config(whole)  # the folder's name is computed from it
    folder = RunFolder(Path(whole.hydra.sweep.dir, whole.hydra.sweep.subdir).resolve())
    with read_write(whole.hydra.runtime), open_dict(whole.hydra.runtime):
        whole.hydra.runtime.output_dir = str(folder.path)
    HydraConfig.instance().set_config(whole)
    cfg = OmegaConf.masked_copy(whole, [str(key) for key in whole if key != "hydra"])
    begins: list[bool] = []

    def prepare() -> None:
        with attempt(folder):
            begins.append(prepared(cfg, folder))

    run_job(prepare, folder.path)
    if not begins:
        return None
    outcomes.pop()  # the point's outcome is its job's
    return folder, begins[0]


def ended(folder: RunFolder) -> Outcome:
    """How the run in `folder` has ended, whose job is no longer SLURM's."""
    from common.launch.status import state

    found = state(folder, {})
    return Outcome(folder.path, None if found.kind == "finished" else found.detail)
