"""The loggers of a run: those that `logger=` chooses, side by side, and in training always `metrics.csv`.

A run has them from its first step to its evaluation, opened and closed here, so that every point of a sweep is one
tracked run and a failure shows as one.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, open_dict, read_write

from common.errors import LicError

if TYPE_CHECKING:  # a sweep whose points are all finished needs no Lightning
    from lightning.pytorch.loggers import Logger

log = logging.getLogger(__name__)

# Exit status by which W&B tells a run that was stopped from one that failed.
STOPPED = 255
# A setting of ours among those of W&B's logger.
KEEP = "keep_weights"


def check_spelling(argv: Sequence[str]) -> None:
    """Refuse `logger.SETTING=…`, which does not say which logger's, before Hydra does in words of its own."""
    for argument in argv:
        if found := re.fullmatch(r"\+*logger\.(\w+)=(?!null$|\{)(.*)", argument):
            name, value = found.groups()
            example = "tensorboard" if name in ("version", "default_hp_metric") else "wandb"
            raise LicError(f"{argument} does not say which logger's: write logger.{example}.{name}={value}, say.")


def chosen(cfg: DictConfig) -> dict[str, DictConfig]:
    """The settings of the loggers that `cfg` chooses beside `metrics.csv`, by name.

    Raises:
        LicError: what stands under `logger` is none.
    """
    settings = cfg.get("logger") or {}
    if "_target_" in settings:  # run folders from when there was one
        settings = {"": settings}
    for name, logger in settings.items():
        if logger is not None and not (isinstance(logger, DictConfig) and "_target_" in logger):
            raise LicError(f"logger.{name} is no logger: its settings stand under its name, as logger.wandb.{name}.")
    named = {str(name): logger for name, logger in settings.items() if logger is not None}
    return {name: logger for name, logger in named.items() if not logger._target_.endswith("ResumableCSVLogger")}


def wandb_settings(cfg: DictConfig) -> DictConfig | None:
    """Those of W&B's logger, if `cfg` chooses it."""
    return next((logger for logger in chosen(cfg).values() if logger._target_.endswith("WandbLogger")), None)


@contextmanager
def tracking(cfg: DictConfig, curves: Path | None = None) -> Iterator["list[Logger]"]:
    """The loggers that `cfg` chooses; W&B's run is closed with the outcome of the block.

    Args:
        curves: the folder of `metrics.csv`, where there are training curves.

    Raises:
        LicError: a logger's package is not installed.
    """
    with _closing() as loggers:
        if curves is not None:
            from common.tracking.csv_logger import ResumableCSVLogger

            loggers.append(ResumableCSVLogger(curves))
        for settings in chosen(cfg).values():
            loggers.append(_opened(settings))
        yield loggers


@contextmanager
def reporting(settings: DictConfig, **identity: Any) -> Iterator["Logger"]:
    """One logger with `settings`, those in `identity` replaced, for what is no run."""
    with _closing() as loggers:
        loggers.append(_opened(settings, **identity))
        yield loggers[0]


@contextmanager
def _closing() -> Iterator["list[Logger]"]:
    """A list of loggers to fill, which are closed with the outcome of the block."""
    loggers: list[Logger] = []
    try:
        yield loggers
    except BaseException as error:
        for logger in loggers:
            try:
                _close(logger, 1 if isinstance(error, Exception) else STOPPED)
            except Exception as also:  # what ended the run may have ended the tracker, and is what is to be said
                log.warning("what was tracked could not be closed: %s", also)
        raise
    for logger in loggers:
        _close(logger, 0)


def _opened(settings: DictConfig, **identity: Any) -> "Logger":
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate

    own = copy(settings)  # with its place in the configuration, for interpolations
    with read_write(own), open_dict(own):
        own.pop(KEEP, None)
    try:
        return instantiate(own, **identity)
    except InstantiationException as error:
        if isinstance(error.__cause__, ModuleNotFoundError):
            raise LicError(f"the package of {settings._target_} is missing: {error.__cause__}") from error
        raise


def _close(logger: "Logger", status: int) -> None:
    from lightning.pytorch.loggers import WandbLogger

    if isinstance(logger, WandbLogger):
        import wandb

        if wandb.run is not None:  # Lightning leaves it open, and the next point's logger would write into it
            wandb.finish(exit_code=status)
    else:
        logger.finalize("failed" if status else "success")
