"""What the configuration computes for itself: OmegaConf resolvers. Nothing here imports torch.

${by_size:{tiny:32,base:192}}   the value for the chosen `size`
${by_quality:128,192,6}         the second value if λ is the sixth of CompressAI's list ("quality 6") or larger
${lic.experiment:}              the chosen ablation, else the last part of the chosen experiment's name, else "train"
${lic.system:}                  what results and files call the codec
${lic.label:}                   what reports call the run's curve
${lic.overrides:}               the overrides that the run was started with
${lic.slug:}                    the run's folder name, from its overrides (not from the clock)
${lic.run_id:}                  an id with which a tracker resumes, the same for the same folder
${lic.wandb_mode:}              "online" if there is an API key, else "offline"
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from common.run.names import UNNAMED, curve_name, slug

# Counts how often a run folder was cleared: what is trained again is another run to a tracker.
ATTEMPT = ".attempt"


def run_id(folder: str | Path) -> str:
    """Ten characters that name the run in `folder`, the same in every process that works on it."""
    attempt = Path(folder) / ATTEMPT
    text = f"{Path(folder).resolve()} {attempt.read_text() if attempt.exists() else ''}"
    return hashlib.sha256(text.strip().encode()).hexdigest()[:10]


def _by_size(table: DictConfig, *, _root_: DictConfig) -> object:
    value = table[_root_.size.name]
    return OmegaConf.create(value) if isinstance(value, list) else value  # a plain one cannot be referred to


def _by_quality(low: object, high: object, first_high: int, *, _root_: DictConfig) -> object:
    return high if _quality(_root_) >= first_high else low


def _quality(root: DictConfig) -> int:
    """CompressAI's quality number: the place, from 1, that λ has or would have in the published list."""
    return 1 + sum(float(lmbda) < 0.999 * root.lmbda for lmbda in str(root.lmbdas).strip("[]").split(","))


def _experiment() -> str:
    choices = HydraConfig.get().runtime.choices
    choice = choices.get("ablation") or choices.get("experiment")
    return str(choice).rsplit("/", 1)[-1] if choice else "train"


def _system() -> str:
    return str(HydraConfig.get().runtime.choices.get("model")).partition("/")[2]


def _output_dir() -> str:
    """The run's folder, which is not decided yet where a configuration is only shown."""
    hydra = HydraConfig.get()
    return str(hydra.run.dir if OmegaConf.is_missing(hydra.runtime, "output_dir") else hydra.runtime.output_dir)


def _wandb_mode() -> str:
    if mode := os.environ.get("WANDB_MODE"):
        return mode
    netrc = Path(os.environ.get("NETRC") or "~/.netrc").expanduser()
    host = urlparse(os.environ.get("WANDB_BASE_URL") or "https://api.wandb.ai").hostname or ""
    known = os.environ.get("WANDB_API_KEY") or (netrc.is_file() and host in netrc.read_text().split())
    return "online" if known else "offline"


def _label(name: str, *, _root_: DictConfig) -> str:
    """How a run's curve is called.

    The stage of a codec's recipe is no part of it: each has a λ of its own, or else a label.
    """
    experiment = HydraConfig.get().runtime.choices.get("experiment")
    recipe = str(experiment).rsplit("/", 1)[-1] if experiment else ""
    unnamed = UNNAMED if _root_.lmbda is None else (*UNNAMED, "stage")
    return curve_name(name, recipe, HydraConfig.get().overrides.task, unnamed)


def _slug(*, _root_: DictConfig) -> str:
    return slug(HydraConfig.get().overrides.task, Path(str(_root_.runs), str(_root_.name)))


def register() -> None:
    """Make the resolvers known to OmegaConf; calling it again changes nothing."""
    resolvers: dict[str, Callable[..., Any]] = {
        "by_size": _by_size,
        "by_quality": _by_quality,
        "lic.overrides": lambda: OmegaConf.create(list(HydraConfig.get().overrides.task)),
        "lic.experiment": _experiment,
        "lic.system": _system,
        "lic.label": _label,
        "lic.slug": _slug,
        "lic.run_id": lambda: run_id(_output_dir()),
        "lic.wandb_mode": _wandb_mode,
    }
    for name, resolver in resolvers.items():
        OmegaConf.register_new_resolver(name, resolver, replace=True)
