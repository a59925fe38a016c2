"""Weights by themselves: `codec.ckpt` of a run folder, and weights files from elsewhere."""

import logging
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from common.errors import LicError
from common.launch.folder import RunFolder
from common.launch.resolvers import slug

log = logging.getLogger(__name__)


def save_weights(codec: nn.Module, path: Path, system: str) -> None:
    """Write `codec`'s state, the tables of its entropy coder included, so that a kill leaves no half file."""
    part = path.with_suffix(".part")
    torch.save({"system": system, "state_dict": codec.state_dict()}, part)
    part.replace(path)


def read_state_dict(path: Path) -> dict[str, Any]:
    """The codec's state in a `codec.ckpt`, in a CompressAI checkpoint (bare or under "state_dict"), or in a
    Lightning checkpoint (names beginning with `codec.`)."""
    if not path.is_file():
        raise LicError(f"there are no weights at {path}; give a run folder, a codec.ckpt or a CompressAI checkpoint.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=False)
    except Exception as error:
        raise LicError(
            f"{path} is not a readable checkpoint ({type(error).__name__}); train or copy it again."
        ) from error
    state = content.get("state_dict", content) if isinstance(content, dict) else content
    if not isinstance(state, dict):
        raise LicError(f"{path} holds no state dict.")
    prefix = "codec."
    ours = {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}
    return ours or {key.removeprefix("module."): value for key, value in state.items()}


def checkpoint_step(path: Path) -> int:
    """The optimiser steps behind a Lightning checkpoint."""
    return int(torch.load(path, map_location="cpu", weights_only=False)["global_step"])


def load_weights(codec: nn.Module, path: Path) -> None:
    """Load `path` into `codec`; every parameter must be there and fit."""
    try:
        codec.load_state_dict(read_state_dict(path))
    except (RuntimeError, KeyError) as error:
        first = str(error).strip().splitlines()[-1].strip()
        raise LicError(f"the weights in {path} do not fit {type(codec).__name__}: {first}") from error


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

    `warm_start` is a run folder, a weights file, or a λ: then the run of the same sweep with that λ, which must be
    finished (list it first in the sweep); that run itself begins from nothing.
    """
    if cfg.warm_start is None:
        return None
    if not isinstance(cfg.warm_start, (int, float)):
        return weights_file(cfg.warm_start)
    if float(cfg.warm_start) == float(cfg.lmbda):
        return None
    overrides = OmegaConf.to_container(cfg.overrides)
    source = folder.path.parent / slug([*map(str, overrides), f"lmbda={cfg.warm_start}"])  # type: ignore[arg-type]
    if not RunFolder(source).weights.exists():
        raise LicError(
            f"warm_start={cfg.warm_start} needs the run with lmbda={cfg.warm_start} to be finished first "
            f"(expected in {source}): list that λ first in the sweep."
        )
    return RunFolder(source).weights
