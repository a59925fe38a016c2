"""`lic train`: one run, or with -m one run for every point of a sweep.

A run is train -> evaluate -> result.json in a folder named by its overrides, so that the same command finds it
again: a finished run is skipped, an interrupted one goes on from its last checkpoint.
"""

import logging
from collections.abc import Sequence

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from common.engine.application import hydra_application
from common.engine.outcome import Outcome, attempt, run_job
from common.engine.session import current
from common.errors import LicError
from common.io import read_json
from common.run.folder import RunFolder
from common.run.validate import check_read, check_settings

log = logging.getLogger(__name__)


def run(cfg: DictConfig, folder: RunFolder) -> None:
    """Bring the run that `cfg` describes from whatever state `folder` is in to finished."""
    if HydraConfig.get().mode == RunMode.RUN:  # a typing error is no failed run, but a failed point of a sweep
        check_settings(cfg)
        check_read(cfg, "train")
    with attempt(folder):
        if prepared(cfg, folder):
            from common.engine.fit import finish_run  # skipping a finished run needs no torch

            finish_run(folder, current().ranks)


def resume(folder: RunFolder) -> None:
    """Bring the training run in `folder` to its end, as its own configuration says."""
    if "warm_start" not in folder.config():
        raise LicError(f"{folder.path} is an evaluation; give its `lic eval` once more.")
    with attempt(folder):
        from common.engine.fit import finish_run

        finish_run(folder)


def prepared(cfg: DictConfig, folder: RunFolder) -> bool:
    """Make `folder`, which this process holds, that of the run that `cfg` describes; False where it is finished."""
    check_settings(cfg)
    check_read(cfg, "train")
    if missing := OmegaConf.missing_keys(cfg):
        raise LicError(f"say what {' and '.join(sorted(missing))} is to be (key=value).")
    folder.check_kind(cfg)
    if cfg.overwrite:
        if not any(str(override).lstrip("+").startswith("overwrite=") for override in cfg.overrides):
            folder.check_same(
                OmegaConf.to_container(cfg, resolve=True)
            )  # debug=… does the same again, and nothing else
        folder.clear()
    folder.adopt(cfg)
    if folder.result.exists():
        log.info("%s is finished already: skipped.", folder.path)
        if (called := read_json(folder.result).get("curve")) != cfg.label:
            log.info("Its curve is called '%s': lic report --label %s='%s' renames it.", called, folder.path, cfg.label)
        return False
    if without_stage():
        log.warning(
            "stage=null: this recipe trains stage by stage, each from the weights of the one before. Now all of it is "
            "trained at once, for %s steps; without stage=null it begins with its first stage.",
            cfg.trainer.max_steps,
        )
    return True


def without_stage() -> bool:
    """Whether a recipe of stages, whose sweep goes through them, was asked for none."""
    hydra = HydraConfig.get()
    return "stage" in (hydra.sweeper.get("params") or {}) and not hydra.runtime.choices.get("stage")


def point(cfg: DictConfig) -> Outcome:
    """One job as Hydra calls it. A failure is written down, and in a sweep the next point has its turn."""
    folder = RunFolder(HydraConfig.get().runtime.output_dir)
    return run_job(lambda: run(cfg, folder), folder.path)


def as_rank(folder: RunFolder) -> None:
    """Train, as one of several ranks, the run that the first of them is at."""
    from common.engine.fit import fit_and_evaluate

    fit_and_evaluate(folder)


def main(argv: Sequence[str]) -> int:
    """Run Hydra on `argv`; 0 when every point is finished, 1 when one failed, 2 for bad input."""
    return hydra_application(point, "train", argv, as_rank)
