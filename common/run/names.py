"""What a run is called: its folder and its curve, both from the overrides that it was started with.

Values count, not how they are typed: `1e-4` and `0.0001`, `False` and `false`, `photos/` and `./photos` are one value.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep
from hydra.errors import HydraException

from common.errors import LicError
from common.run.configs import read_config
from common.run.settings import OWN_ROOTS, Role, below, by_value, having

SILENT, UNNAMED = having(Role.NO_FOLDER), having(Role.NO_LABEL)

LONGEST = 110  # with digest and "report-" a name of 127 characters; W&B takes 128


def sorted_overrides(overrides: Iterable[str]) -> dict[str, str]:
    """`key=value` overrides as a dict sorted by key, the last of each key winning, silent ones left out.

    Where `name` is given, it does not tell the experiment or the ablation, which then count. They, and the row of an
    ablation's table (`ablation/TABLE=ROW`, under the key `row`), come first: of a long folder name the end is cut off.
    """
    pairs = dict(_pair(override) for override in overrides)
    silent = [name for name in SILENT if not ("name" in pairs and name in ("experiment", "ablation"))]
    pairs = {"row" if key.startswith("ablation/") else key: value for key, value in pairs.items()}
    return {
        key: pairs[key]
        for key in sorted(pairs, key=lambda key: (key not in ("experiment", "ablation", "row"), key))
        if not below(key, silent) or below(key, OWN_ROOTS)
    }


@lru_cache(maxsize=4096)
def _pair(override: str) -> tuple[str, str]:
    """`override` as its key and its value's one spelling."""
    key, _, typed = override.lstrip("+~").partition("=")
    try:
        parsed = OverridesParser.create().parse_override(override)
        value = parsed.value()
    except HydraException:
        return key, typed
    if isinstance(value, ChoiceSweep):
        return key, ",".join(_spelled(parsed._convert_value(each)) for each in value.list)
    return key, typed if parsed.is_sweep_override() else _spelled(value)


def _spelled(value: Any) -> str:
    """`value` as Hydra reads it back, one text for each value."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(_spelled, value))}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_spelled(each)}" for key, each in value.items()) + "}"
    return str(by_value(value))


def slug(overrides: Sequence[str], parent: Path | None = None) -> str:
    """The name of a run's folder: `lmbda-0.013+size-tiny`.

    Two different sets of overrides share it only if two digests of 24 bits agree; a run then refuses the other's
    folder. Of characters that stand in a Hydra override without quotes, so that `run=FOLDER` can be typed: a path is
    shortened to its last part and six digits that tell it from others; config.yaml has it whole. A name that is still
    long has the last parts of its keys, and six digits for the rest.

    Args:
        parent: the folder in which the run lies, if one that an earlier version has named is to be found there.
    """
    pairs = sorted_overrides(overrides)
    if parent is not None and _made_by(former := parent / former_slug(overrides), pairs):
        return former.name
    values = {key: _short(key, value) for key, value in pairs.items()}
    name = "+".join(f"{_safe(key)}-{value}" for key, value in values.items()) or "default"
    if len(name) <= LONGEST:
        return name
    short = "+".join(f"{_safe(key.rpartition('.')[2])}-{value}" for key, value in values.items())
    if len(short) > LONGEST:
        short = short[:LONGEST].rpartition("+")[0] or short[:LONGEST]
    return f"{short}-{_digest(','.join(f'{key}={value}' for key, value in pairs.items()), 6)}"


def _made_by(folder: Path, pairs: dict[str, str]) -> bool:
    """Whether `folder` is that of a run with the overrides `pairs`."""
    try:
        return folder.is_dir() and sorted_overrides(read_config(folder)["overrides"]) == pairs
    except (LicError, KeyError, TypeError):
        return False


def _short(key: str, value: str) -> str:
    items = value[1:-1].split(",") if re.fullmatch(r"\[[\w,-]+\]", value, re.ASCII) else [value]
    if "." not in key and not below(key, ("run", "weights", "warm_start", "extend", "runs")):
        items = [item.replace("/", ".") for item in items]  # a choice of a config group
    text = ".".join(items)
    if re.fullmatch(r"[\w.-]*", text, re.ASCII):
        return text
    last = re.sub(r"\[?[^\[,]*/", "", text) if "/" in text else text
    return f"{_safe(last)}-{_digest(value, 6)}".lstrip("-")


def _safe(text: str) -> str:
    return re.sub(r"[^\w.]+", "-", text, flags=re.ASCII).strip("-.")


def _digest(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:digits]


def former_slug(overrides: Iterable[str]) -> str:
    """The name that the folder of a run had up to version 0.1: values as they were typed, whole paths, a long hash."""
    pairs = dict(override.lstrip("+~").partition("=")[::2] for override in overrides)
    pairs = {"row" if key.startswith("ablation/") else key: value for key, value in pairs.items()}
    silent = [name for name in SILENT if name != "label"]
    pairs = {key: pairs[key] for key in sorted(pairs, key=lambda key: (key != "row", key)) if not below(key, silent)}
    if not pairs:
        return "default"
    name = "+".join(f"{key}-{value}" for key, value in pairs.items())
    readable = re.sub(r"[^\w.+-]", "-", name)
    exact = all(re.fullmatch(r"[\w.]+", key) and re.fullmatch(r"[\w.-]+", value) for key, value in pairs.items())
    if exact and len(readable) <= LONGEST:
        return readable
    return f"{readable[:LONGEST]}-{_digest(','.join(f'{key}={value}' for key, value in pairs.items()), 8)}"


def curve_name(system: str, recipe: str, overrides: Iterable[str], unnamed: Iterable[str] = UNNAMED) -> str:
    """How a run's curve is called: the system, the recipe, and whatever was overridden but for λ, the seed and such."""
    named = [recipe] if recipe and not system.startswith(recipe) else []
    extra = sorted_overrides(overrides)
    named += [f"{key}={_end(value)}" for key, value in extra.items() if key not in unnamed]
    return " ".join([system, *named])


def _end(value: str) -> str:
    """Of a long path the last two parts, and of a long last part its end: the sweep and the run, or the set."""
    if "/" not in value or len(value) <= 40:
        return value
    *_, last = parts = value.split("/")[-2:]
    return "…/" + "/".join(parts) if len(last) <= 40 else f"…{last[-20:]}"
