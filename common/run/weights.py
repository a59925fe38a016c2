"""Weights by themselves: `weights.ckpt` of a run folder, and weights files from elsewhere."""

import logging
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from torch import nn

from common.errors import LicError
from common.run.checkpoints import load_whole, save_whole
from common.run.folder import RunFolder
from common.run.names import slug
from common.run.states import read_state
from common.run.targets import network_of
from common.run.widths import fitting, misfit
from common.spelling import nearest
from common.warning_filters import quiet

log = logging.getLogger(__name__)


def network_name(model: Any) -> str:
    """What the module configured as `model` calls the network that a run is about: codec, or network."""
    return "codec" if "codec" in model else "network"


def save_weights(network: nn.Module, path: str | Path, system: str) -> None:
    """Write `network`'s state, the tables of a codec's entropy coder included, so that a kill leaves no half file."""
    save_whole({"system": system, "state_dict": network.state_dict()}, Path(path))


def checkpoint_step(path: str | Path, trusted: bool = False) -> int:
    """The optimiser steps behind a Lightning checkpoint; `trusted` as in `load_whole`."""
    return int(load_whole(Path(path), trusted=trusted)["global_step"])


def load_weights(network: nn.Module, path: str | Path, cfg: DictConfig | None = None, trusted: bool = False) -> None:
    """Load `path`, a weights file of ours, of Lightning's or a published one, into `network`.

    Args:
        network: of a codec, CompressAI's entropy models become ours.
        cfg: the configuration that `network` is made from, to say which settings would fit the file.
        trusted: whether the file may run code, as the checkpoint may that this run has written itself.

    Raises:
        LicError: the file cannot be read, or a parameter is missing or of another shape.
    """
    path = Path(path).expanduser()
    if any(type(module).__module__.startswith("compressai.entropy_models") for module in network.modules()):
        from common.entropy.models import adopt

        adopt(network)
    state = read_state(path, network, trusted)
    if different := misfit(network, state):
        settings = fitting(cfg, network_name(cfg.model), state) if cfg is not None else None
        general = "give the settings it was trained with (size, and of a codec lmbda, choose the widths)"
        advice = f"it fits with {settings}" if settings else general
        raise LicError(f"the weights in {_described(path)} do not fit {type(network).__name__}: {different}; {advice}.")
    try:
        network.load_state_dict(state)
    except (RuntimeError, KeyError) as error:
        last = str(error).strip().splitlines()[-1].strip()
        said = last if len(last) < 300 else f"{last[:240]} … (they are of another system)"
        raise LicError(f"the weights in {_described(path)} do not fit {type(network).__name__}: {said}") from error


def _described(path: Path) -> str:
    """`path`, and what was trained there if that is known."""
    with suppress(LicError):  # no configuration, or none of a run of ours
        if system := run_of(path).config().get("system"):
            return f"{path}, of a run of {system},"
    return str(path)


def trained_network(checkpoint: str | Path, device: str = "cpu") -> tuple[nn.Module, DictConfig]:
    """The network of a trained run, in evaluation mode on `device`, and the run's configuration.

    Args:
        checkpoint: a run folder, or a weights file in one.
        device: cpu or cuda.

    Raises:
        LicError: there is no such run, it is not finished, or there is no such device.
    """
    checkpoint = Path(checkpoint).expanduser()
    quiet()
    if not re.fullmatch(r"cpu|cuda(:\d+)?", device):
        raise LicError(f"there is no device '{device}': --device is cpu or cuda.")
    if device != "cpu" and not torch.cuda.is_available():
        raise LicError("there is no GPU here: leave --device out.")
    if not checkpoint.exists():
        raise LicError(missing(checkpoint, "the folder of a finished run, or a weights.ckpt inside one"))
    cfg = run_of(checkpoint).config()
    network: nn.Module = network_of(cfg, network_name(cfg.model))
    load_weights(network, weights_file(checkpoint))
    return network.to(device).eval(), cfg


def run_of(checkpoint: Path) -> RunFolder:
    """The run that a folder is, or that a file in it or in its `checkpoints` is of."""
    folder = checkpoint if checkpoint.is_dir() else checkpoint.parent
    return RunFolder(folder.parent if folder.name == "checkpoints" else folder)


def missing(path: Path, wanted: str) -> str:
    """A sentence that there is no `path`, with the nearest name of what lies beside it."""
    beside = path.parent if path.parent.is_dir() else path.parent.parent
    others = [str(each) for each in sorted(beside.glob("*" if beside == path.parent else "*/*"))]
    meant = nearest(str(path), others)
    return f"there is no {path}: give {wanted}." + (f" Did you mean {meant}?" if meant else "")


def weights_file(place: str | Path) -> Path:
    """`place` is a run folder, or a weights file itself."""
    path = Path(place).expanduser()
    if not path.exists():
        raise LicError(missing(path, "the folder of a finished run or a weights file"))
    if path.is_dir():
        path = RunFolder(path).weights
    if not path.is_file():
        raise LicError(f"there are no weights at {path}; give the folder of a finished run or a weights file.")
    return path


def warm_start_file(cfg: DictConfig, folder: RunFolder) -> Path | None:
    """The weights that the run begins with, if it is to begin with any.

    `warm_start` is a run folder, a weights file, or names a run of the same sweep by the overrides in which it differs
    from this one (`{stage: chairs}`; a number is a λ): that must be finished (list it first in the sweep). The run that
    it names itself begins from nothing.
    """
    start = cfg.warm_start
    if start is None or isinstance(start, str):
        return None if start is None else weights_file(start)
    other = {"lmbda": start} if isinstance(start, (int, float)) else dict(start)
    said = ", ".join(f"{key}={value}" for key, value in other.items())
    overrides = [str(override) for override in cfg.overrides]
    beside = folder.path.parent
    source = beside / slug([*overrides, *(f"{key}={value}" for key, value in other.items())], beside)
    if source == folder.path or float(cfg.lmbda or 0) == float(other.get("lmbda", "nan")):
        return None
    if not RunFolder(source).weights.exists():
        raise LicError(
            f"warm_start={{{said}}} needs the run with {said} to be finished first (expected in {source}): "
            "list it first in the sweep."
        )
    return RunFolder(source).weights
