"""Weights by themselves: `weights.ckpt` of a run folder, and weights files from elsewhere."""

import logging
import re
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from torch import nn

from common.errors import LicError
from common.launch.checkpoints import load_whole, never_averaged, save_whole
from common.launch.folder import RunFolder
from common.launch.names import slug
from common.launch.quiet import quiet

log = logging.getLogger(__name__)


def network_name(model: Any) -> str:
    """What the module configured as `model` calls the network that a run is about: codec, or network."""
    return "codec" if "codec" in model else "network"


def save_weights(network: nn.Module, path: Path, system: str) -> None:
    """Write `network`'s state, the tables of a codec's entropy coder included, so that a kill leaves no half file."""
    save_whole({"system": system, "state_dict": network.state_dict()}, path)


def read_state_dict(path: Path) -> dict[str, Any]:
    """The network's state in a `weights.ckpt`, in a published checkpoint (bare or under "state_dict"), or in one of
    Lightning's (names beginning with `codec.` or `network.`)."""
    if not path.is_file():
        raise LicError(f"there are no weights at {path}; give a run folder, a weights.ckpt or a published checkpoint.")
    content = load_whole(path, "train or copy it again.")
    if isinstance(content, dict) and never_averaged(content):
        content = {"state_dict": content["current_model_state"]}
    state = content.get("state_dict", content) if isinstance(content, dict) else content
    if not isinstance(state, dict):
        raise LicError(f"{path} holds no state dict.")
    ours = {key.partition(".")[2]: value for key, value in state.items() if key.startswith(("codec.", "network."))}
    return ours or {key.removeprefix("module."): value for key, value in state.items()}


def checkpoint_step(path: Path) -> int:
    """The optimiser steps behind a Lightning checkpoint."""
    return int(load_whole(path)["global_step"])


def load_weights(network: nn.Module, path: Path) -> None:
    """Load `path` into `network`; every parameter must be there and fit."""
    try:
        network.load_state_dict(read_state_dict(path))
    except (RuntimeError, KeyError) as error:
        last = str(error).strip().splitlines()[-1].strip()
        said = last if len(last) < 300 else f"{last[:240]} … (they are of another system or size)"
        raise LicError(f"the weights in {path} do not fit {type(network).__name__}: {said}") from error


def trained_network(checkpoint: Path, device: str) -> tuple[nn.Module, DictConfig]:
    """The network of the run that `checkpoint`, a run folder or a file in one, names, and the run's configuration.

    Raises:
        LicError: there is no such run, it is not finished, or there is no such device.
    """
    from hydra.utils import instantiate

    quiet()
    if not re.fullmatch(r"cpu|cuda(:\d+)?", device):
        raise LicError(f"there is no device '{device}': --device is cpu or cuda.")
    if device != "cpu" and not torch.cuda.is_available():
        raise LicError("there is no GPU here: leave --device out.")
    if not checkpoint.exists():
        raise LicError(f"there is no {checkpoint}: give the folder of a finished run, or a weights.ckpt inside one.")
    cfg = RunFolder(checkpoint if checkpoint.is_dir() else checkpoint.parent).config()
    network = instantiate(cfg.model[network_name(cfg.model)])
    load_weights(network, weights_file(checkpoint))
    return network.to(device), cfg


def weights_file(place: str | Path) -> Path:
    """`place` is a run folder, or a weights file itself."""
    path = Path(place)
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
