"""What the configuration computes for itself: OmegaConf resolvers. Nothing here imports torch.

${by_size:{tiny:32,base:192}}   the value for the chosen `size`
${by_quality:128,192,6}         the second value from the sixth λ of the list, CompressAI's "quality 6", on
${lic.experiment:}              the chosen ablation, else the last part of the chosen experiment's name, else "train"
${lic.slug:}                    the run's folder name, from its overrides (not from the clock)
${lic.run_id:}                  an id that a tracker can resume, the same whenever the same folder is meant
${lic.wandb_mode:}              "online" where an API key is at hand, else "offline"
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

# Overrides that change where a run reads and reports, and how loudly, never what it computes.
SILENT = (
    "hydra", "runs", "name", "logger", "experiment", "ablation", "overwrite", "report",
    "callbacks.progress", "trainer.enable_progress_bar", "data.num_workers", "data.roots",
)  # fmt: skip
# Overrides that a curve's name need not repeat: they vary along it, or the results say them in their own place.
UNNAMED = (
    "lmbda", "seed", "model", "size", "trainer", "trainer.devices", "threads", "data", "data.test", "data.name",
    "run", "weights", "protocol", "metric",
)  # fmt: skip
# Counts how often a run folder was cleared: what is trained again is another run to a tracker.
ATTEMPT = ".attempt"
LONGEST = 110  # with hash and "report-" a name of 127 characters; W&B takes 128


def sorted_overrides(overrides: Iterable[str]) -> dict[str, str]:
    """`key=value` overrides as a dict sorted by key, the last of each key winning, silent ones left out.

    The row of an ablation's table (`ablation/TABLE=ROW`) goes under the key `row`, before all others: of a long folder
    name the end is cut off.
    """
    pairs = dict(override.lstrip("+~").partition("=")[::2] for override in overrides)
    pairs = {"row" if key.startswith("ablation/") else key: value for key, value in pairs.items()}
    return {
        key: pairs[key]
        for key in sorted(pairs, key=lambda key: (key != "row", key))
        if not any(key == name or key.startswith(name + ".") for name in SILENT)
    }


def slug(overrides: Iterable[str]) -> str:
    """A folder name that two different sets of overrides never share: `lmbda-0.013+size-tiny`.

    Of characters that stand in a Hydra override without quotes, so that `run=FOLDER` can be typed. Where anything is
    lost, a hash of the exact text is appended.
    """
    pairs = sorted_overrides(overrides)
    if not pairs:
        return "default"
    name = "+".join(f"{key}-{value}" for key, value in pairs.items())
    readable = re.sub(r"[^\w.+-]", "-", name)
    exact = all(re.fullmatch(r"[\w.]+", key) and re.fullmatch(r"[\w.-]+", value) for key, value in pairs.items())
    if exact and len(readable) <= LONGEST:
        return readable
    text = ",".join(f"{key}={value}" for key, value in pairs.items())
    return f"{readable[:LONGEST]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


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
    return 1 + sum(float(lmbda) < 0.999 * root.lmbda for lmbda in str(root.lmbdas).split(","))


def _experiment() -> str:
    choices = HydraConfig.get().runtime.choices
    choice = choices.get("ablation") or choices.get("experiment")
    return str(choice).rsplit("/", 1)[-1] if choice else "train"


def _system() -> str:
    return str(HydraConfig.get().runtime.choices.get("model")).partition("/")[2]


def _wandb_mode() -> str:
    if mode := os.environ.get("WANDB_MODE"):
        return mode
    netrc = Path(os.environ.get("NETRC") or "~/.netrc").expanduser()
    host = urlparse(os.environ.get("WANDB_BASE_URL") or "https://api.wandb.ai").hostname or ""
    known = os.environ.get("WANDB_API_KEY") or (netrc.is_file() and host in netrc.read_text().split())
    return "online" if known else "offline"


def _label(name: str, *, _root_: DictConfig) -> str:
    """How a run's curve is called: the system and whatever was overridden, but for λ and the seed.

    Nor for the stage of a codec's recipe: each has a λ of its own, or else a label.
    """
    unnamed = UNNAMED if _root_.lmbda is None else (*UNNAMED, "stage")
    experiment = HydraConfig.get().runtime.choices.get("experiment")
    recipe = str(experiment).rsplit("/", 1)[-1] if experiment else ""
    named = [recipe] if recipe and not name.startswith(recipe) else []
    extra = sorted_overrides(HydraConfig.get().overrides.task)
    named += [f"{key}={_shortened(value)}" for key, value in extra.items() if key not in unnamed]
    return " ".join([name, *named])


def _shortened(value: str) -> str:
    """Of the path of a run folder with a long name the end, where the hash is that tells it from others."""
    last = value.strip("'\"").rstrip("/").rpartition("/")[2]
    return f"…{last[-20:]}" if "/" in value and re.fullmatch(r".{40,}-[0-9a-f]{8}", last) else value


def register() -> None:
    """Make the resolvers known to OmegaConf; calling it again changes nothing."""
    resolvers: dict[str, Callable[..., Any]] = {
        "by_size": _by_size,
        "by_quality": _by_quality,
        "lic.overrides": lambda: OmegaConf.create(list(HydraConfig.get().overrides.task)),
        "lic.experiment": _experiment,
        "lic.system": _system,
        "lic.label": _label,
        "lic.slug": lambda: slug(HydraConfig.get().overrides.task),
        "lic.run_id": lambda: run_id(HydraConfig.get().runtime.output_dir),
        "lic.wandb_mode": _wandb_mode,
    }
    for name, resolver in resolvers.items():
        OmegaConf.register_new_resolver(name, resolver, replace=True)
