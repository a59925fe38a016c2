"""`extend=RUN`: a finished run is continued with more steps, from its last checkpoint.

Weights, averages of weights, the optimiser's moments and the step come from the checkpoint. The data continue as if the
run had never ended. The schedule is that of the new number of steps. It depends on the fraction of the run that is
done, so the learning rate may rise at first.
"""

import logging
import os
import shutil
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from omegaconf import DictConfig, OmegaConf
from torch.optim.lr_scheduler import LambdaLR

from common.errors import LicError
from common.run.folder import RunFolder
from common.run.settings import Role, below, changed, having
from common.run.weights import checkpoint_step

log = logging.getLogger(__name__)


def extended(cfg: DictConfig, folder: RunFolder) -> Path | None:
    """The checkpoint that the run in `folder` goes on from, its training curves copied; None without `extend`.

    Raises:
        LicError: there is no such run, its settings differ in more than the steps, or it has as many steps.
    """
    if cfg.get("extend") is None:
        return None
    source = same_but_for_steps(cfg, Path(str(cfg.extend)).expanduser())
    done = checkpoint_step(source.checkpoint)
    if done >= cfg.trainer.max_steps:
        raise LicError(
            f"extend: {source.path} has {done} steps already; give trainer.max_steps more than that, "
            "the steps of both together."
        )
    curves = source.path / "metrics.csv"
    if int(os.environ.get("RANK", 0)) == 0 and curves.exists() and not (folder.path / "metrics.csv").exists():
        shutil.copyfile(curves, folder.path / "metrics.csv")
    log.info("goes on from step %d of %s", done, source.path)
    return source.checkpoint


def same_but_for_steps(cfg: DictConfig, place: Path) -> RunFolder:
    """The run at `place`, or the one of the sweep at `place`, that `cfg` describes but for its number of steps."""
    runs = [RunFolder(file.parent) for file in sorted([*place.glob("config.yaml"), *place.glob("*/config.yaml")])]
    if not runs:
        raise LicError(f"extend: there is no run at {place}; give the folder of a finished run or of its sweep.")
    differences = [difference(run.config(), cfg) for run in runs]
    found = [run for run, changed in zip(runs, differences) if not changed]
    if not found:
        least = min(differences, key=len)
        raise LicError(f"extend: no run at {place} has the same settings but for the steps ({', '.join(least[:5])}).")
    with_checkpoint = [run for run in found if run.checkpoint.exists()]
    if not with_checkpoint:
        raise LicError(f"extend: {found[0].path} has no checkpoint to go on from (checkpoints/last.ckpt).")
    return max(with_checkpoint, key=lambda run: checkpoint_step(run.checkpoint))


def difference(old: DictConfig, new: DictConfig) -> list[str]:
    """Settings in which `new` differs from `old`, beside those that it may."""
    a, b = (OmegaConf.to_container(cfg, resolve=True) for cfg in (old, new))
    return [key for key in changed(a, b) if not below(key, having(Role.EXTENDS))]


class OwnSchedule(Callback):
    """Sets the learning rates that this run's schedule has at its first step.

    A checkpoint brings the rates of the run that wrote it: the same when a run resumes itself, others when it extends
    a shorter one.
    """

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for config in trainer.lr_scheduler_configs:
            schedule: Any = config.scheduler
            if isinstance(schedule, LambdaLR):
                factors = [factor(schedule.last_epoch) for factor in schedule.lr_lambdas]
                for group, base, factor in zip(schedule.optimizer.param_groups, schedule.base_lrs, factors):
                    group["lr"] = base * factor
