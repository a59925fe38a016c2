"""Train one run: in this process, or in one process per rank."""

import logging
import os
from collections.abc import Iterator, Mapping
from typing import Any

from hydra.utils import instantiate
from lightning import LightningModule, Trainer, seed_everything
from lightning.fabric.plugins.environments import TorchElasticEnvironment
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig
from torch import nn

from common.capabilities import MovesWithLambda, StartsFromData
from common.cpus import use_threads
from common.distributed.ddp import launch_ranks, processes
from common.distributed.external_ranks import Ranks
from common.distributed.preempt import Request, StopOnRequest, at_keyboard
from common.engine.callbacks import StepSeed
from common.engine.checkpoint_io import WholeCheckpoints
from common.engine.evaluate import check_kind, check_protocol, evaluate_run
from common.errors import LicError
from common.run.extend import OwnSchedule, extended
from common.run.folder import RunFolder
from common.run.weights import (
    checkpoint_step,
    load_weights,
    network_name,
    save_weights,
    warm_start_file,
    weights_file,
)
from common.tracking.loggers import tracking
from common.tracking.tracker import track_configuration

log = logging.getLogger(__name__)


def finish_run(folder: RunFolder, started: Ranks | None = None) -> None:
    """Train the run in `folder` to its last step and evaluate it: here, with one process per rank, or with the ranks
    that this process was `started` with.
    """
    cfg = folder.config()
    nodes = cfg.trainer.get("num_nodes", 1)
    if started and not folder.weights.exists():
        if processes(cfg) * nodes != started.size:
            raise LicError(
                f"{started.size} ranks were started, and the trainer wants {processes(cfg)} on {nodes} nodes: "
                "set trainer=ddp, trainer.devices and trainer.num_nodes, or start `lic train` once, by itself."
            )
        started.tell(folder.path)
        fit_and_evaluate(folder)
    elif nodes > 1 and not started:
        raise LicError(f"trainer.num_nodes is {nodes}: several nodes need hydra/launcher=slurm, torchrun or srun.")
    elif processes(cfg) > 1 and not folder.weights.exists():
        launch_ranks(folder, processes(cfg))
    else:
        fit_and_evaluate(folder)


def fit_and_evaluate(folder: RunFolder, request: Request | None = None) -> None:
    """In this process: train (as one rank of several, if the environment says so), then evaluate on the first.

    Raises:
        Preempted, KeyboardInterrupt: `request`, or Ctrl-C, asked to stop; the same call goes on.
    """
    with tracking(folder.config(), curves=folder.path) as loggers:
        if not folder.weights.exists():
            with at_keyboard(request) as request:
                fit(folder, loggers, request)
            if request and request.received:
                raise request.ended("trained, not evaluated")
        if int(os.environ.get("RANK", 0)) == 0:
            evaluate_run(folder, loggers)


def fit(folder: RunFolder, loggers: list[Logger], request: Request | None) -> None:
    """Train in this process, as the only rank or as the one that the environment says."""
    cfg = folder.config()
    seed_everything(cfg.seed, verbose=False)
    use_threads(cfg.get("threads"))
    module: LightningModule = instantiate(cfg.model)
    data = instantiate(cfg.data)
    protocol, network = instantiate(cfg.protocol), getattr(module, network_name(cfg.model))
    check_kind(protocol, data)  # what is wrong with it is not to be found after the training
    check_protocol(protocol, network, cfg.system)
    data.check(network)
    chosen = [instantiate(callback) for callback in cfg.callbacks.values() if callback]
    if not cfg.trainer.get("enable_progress_bar", True):
        chosen = [callback for callback in chosen if not isinstance(callback, ProgressBar)]
    trainer: Trainer = instantiate(
        cfg.trainer,
        logger=loggers or False,
        callbacks=[
            StepSeed(cfg.seed),
            OwnSchedule(),
            *([StopOnRequest(request, folder.checkpoint)] if request else []),
            *chosen,
        ],
        enable_progress_bar=any(isinstance(callback, ProgressBar) for callback in chosen),
        default_root_dir=str(folder.path),
        # Inside a SLURM allocation Lightning would take ranks that are ours for srun's.
        plugins=[
            WholeCheckpoints(folder.checkpoint),
            *([TorchElasticEnvironment()] if TorchElasticEnvironment.detect() else []),
        ],
    )
    checkpoint = folder.checkpoint if folder.checkpoint.exists() else extended(cfg, folder)
    if checkpoint is None:
        start(module, data, cfg, folder)
    parameters = sum(p.numel() for p in module.parameters())
    if trainer.is_global_zero:
        log.info("%s: %.2f M parameters, %d steps", cfg.system, parameters / 1e6, cfg.trainer.max_steps)
    track_configuration(loggers, cfg, parameters)
    own = checkpoint == folder.checkpoint
    before = checkpoint_step(checkpoint, trusted=own) if checkpoint else 0
    try:
        trainer.fit(module, data, ckpt_path=str(checkpoint) if checkpoint else None, weights_only=False)
    except SystemExit:
        if trainer.interrupted:  # Lightning turns Ctrl-C into an exit, which a sweep could not tell from others
            raise KeyboardInterrupt from None
        raise
    trained_on = trainer.global_step > before
    if trainer.is_global_zero:
        network = getattr(module, network_name(cfg.model))
        if checkpoint and not trained_on:  # Lightning puts averaged weights in place only when it has trained
            load_weights(network, checkpoint, trusted=own)
        save_weights(network, folder.weights, cfg.system)


def start(module: Any, data: Any, cfg: DictConfig, folder: RunFolder) -> None:
    """What a run begins from: another run's weights, or what the training data suggests."""
    source = warm_start_file(cfg, folder)
    network = getattr(module, network_name(cfg.model))
    if source is not None:
        load_weights(network, source)
        log.info("starts from %s", source)
        trained = RunFolder(source.parent)
        if isinstance(network, MovesWithLambda) and trained.config_file.exists():
            before = trained.config()
            if before.distortion == cfg.distortion:
                network.move(cfg.lmbda / before.lmbda)
        return
    given = load_parts(network, cfg)
    if isinstance(network, StartsFromData):
        data.setup("fit")
        images = data.starting_images()
        network.start_from(images, module.mse_equivalent_lmbda, *([given] if given else []))


def load_parts(network: nn.Module, cfg: DictConfig) -> list[str]:
    """Load what `parts` names: a part of the network -> the run or weights file that it was trained by; their names."""
    given = []
    for name, place in places(cfg.get("parts") or {}):
        try:
            part = network.get_submodule(name)
        except AttributeError as error:
            raise LicError(f"parts.{name} names no part of {cfg.system}: {error}.") from error
        load_weights(part, weights_file(place))
        log.info("%s is that of %s", name, place)
        given.append(name)
    return given


def places(parts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """`{"a": {"b": "x"}, "c": None}` -> ("a.b", "x")."""
    for name, value in parts.items():
        if isinstance(value, Mapping):
            yield from places(value, f"{prefix}{name}.")
        elif value is not None:
            yield f"{prefix}{name}", str(value)
