"""Names the points of a sweep by the overrides in which they differ; names of folders may be long and end in a hash."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from omegaconf import OmegaConf


def distinguishing(overrides: Sequence[Sequence[str]]) -> list[str]:
    """Of each point's overrides those that not all points have; nothing of a single one."""
    common = set.intersection(*map(set, overrides)) if overrides else set()
    return [" ".join(override for override in each if override not in common) for each in overrides]


def distinct(names: Sequence[str]) -> tuple[list[str], str]:
    """`["a x=1 y=2", "b x=1"]` -> `["a y=2", "b"]` and "x=1": labels without the overrides that all have, and those."""
    words = [name.split(" ") for name in names]
    shared = [word for word in words[0] if "=" in word and all(word in other for other in words[1:])] if words else []
    if len(names) < 2 or not shared:
        return list(names), ""
    return [" ".join(word for word in own if word not in shared) for own in words], " ".join(shared)


def overrides_in(folder: Path) -> list[str]:
    """The overrides that the configuration of the run in `folder` tells; none where it tells none."""
    file = folder / "config.yaml"
    try:
        found = OmegaConf.to_container(OmegaConf.load(file)) if file.exists() else {}
    except Exception:  # of a damaged file others speak
        found = {}
    return [str(each) for each in (found.get("overrides") or [])] if isinstance(found, Mapping) else []


def among_siblings(folders: Sequence[Path]) -> list[str]:
    """What tells each of `folders` from all runs beside it; its folder's name where nothing does."""
    names: dict[Path, str] = {}
    for parent in dict.fromkeys(folder.parent for folder in folders):
        runs = list(dict.fromkeys([*(file.parent for file in sorted(parent.glob("*/config.yaml"))), *folders]))
        runs = [run for run in runs if run.parent == parent]
        names.update(zip(runs, distinguishing([overrides_in(run) for run in runs])))
    return [names[folder] or folder.name for folder in folders]
