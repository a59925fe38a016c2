"""`config.yaml` of finished runs, and where it differs between them."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from common.errors import LicError
from common.run.settings import Role, below, flatten, having

# Modules that configurations name, as they were called before, and a setting of one of them.
RENAMED = {
    "common.launch.callbacks.": "common.engine.callbacks.",
    "common.launch.csv_logger.": "common.tracking.csv_logger.",
    "common.launch.progress.": "common.engine.progress.",
    "lic_video.stages.": "lic_video.parts.",
    "common.entropy.codebook.Signs": "common.entropy.signs.Signs",
}
REDUCTION = re.compile(  # of both frames, before their motion is estimated: now `downscale`
    r"^( *)(_target_: lic_video\.parts\.motion_estimation\.MotionEstimation\n(?:\1.*\n)*?)\1reduction:", re.MULTILINE
)
TRACKED = "tracked.json"  # of a run folder: {"wandb": where W&B shows the run}
# libyaml's loader reads in a tenth of the time of Python's; both read what OmegaConf writes as OmegaConf does.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration in a run folder, interpolations as text; empty where there is none.

    Raises:
        LicError: it is not YAML.
    """
    file = folder / "config.yaml"
    if not file.is_file():
        return {}
    try:
        return dict(_parsed(config_text(file)))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise LicError(f"{file} is not YAML: {' '.join(str(error).split())}.") from error


def config_text(file: Path) -> str:
    """What a `config.yaml` holds, with the present names of our modules and settings."""
    text = file.read_text(encoding="utf-8")
    for old, new in RENAMED.items():
        text = text.replace(f"_target_: {old}", f"_target_: {new}")
    return REDUCTION.sub(r"\1\2\1downscale:", text)


@lru_cache(maxsize=1000)
def _parsed(text: str) -> Mapping[str, Any]:
    """What a file holds, to be looked at and not changed: several tables ask for the same one."""
    content = yaml.load(text, _LOADER)
    return {str(key): value for key, value in content.items()} if isinstance(content, dict) else {}


def _text(value: Any) -> str:
    """As YAML writes it, lists on one line."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, dict)):
        return yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True).strip()
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def differing(configs: Sequence[Mapping[str, Any]]) -> dict[tuple[str, ...], list[str]]:
    """The keys whose values are not the same in all `configs`, with the value in each ("" where it lacks the key).

    Keys that have the same values everywhere (`lmbda` and the `model.lmbda` that it fills) are one entry, shortest
    first. What does not change what a run computes is left out.
    """
    left_out = having(Role.NO_COLUMN)
    leaves = [{k: _text(v) for k, v in flatten(config).items() if not below(k, left_out)} for config in configs]
    by_values: dict[tuple[str, ...], list[str]] = {}
    for key in dict.fromkeys(key for each in leaves for key in each):
        values = tuple(each.get(key, "") for each in leaves)
        if len(set(values)) > 1:
            by_values.setdefault(values, []).append(key)
    return {tuple(sorted(keys, key=lambda key: (key.count("."), len(key)))): [*v] for v, keys in by_values.items()}
