"""The roles of settings: which ones name the run's folder, label its curve, may change between attempts.

A setting is part of the folder's name, the label and every comparison, unless `ROLES` says otherwise. A setting below
one in the table has its roles.
"""

import os
from collections.abc import Iterable, Mapping
from enum import Flag, auto
from typing import Any


class Role(Flag):
    """What a setting is left out of, or may do."""

    NO_FOLDER = auto()  # is not part of the folder's name
    NO_LABEL = auto()  # is not part of a curve's label: varies along the curve, or is said in its own place
    FREE = auto()  # may differ between two attempts at the same run
    EXTENDS = auto()  # may differ in a run that extends another by more steps
    NO_COLUMN = auto()  # is not listed where runs differ: computes nothing, or repeats what another setting says


R = Role
ROLES: dict[str, Role] = {
    # where a run reads and reports, and how loudly
    "hydra": R.NO_FOLDER,
    "runs": R.NO_FOLDER | R.FREE | R.NO_COLUMN,
    "name": R.NO_FOLDER | R.EXTENDS | R.NO_COLUMN,
    "label": R.NO_FOLDER | R.FREE | R.NO_COLUMN,
    "logger": R.NO_FOLDER | R.FREE | R.NO_COLUMN,
    "overwrite": R.NO_FOLDER | R.FREE | R.NO_COLUMN,
    "report": R.NO_FOLDER | R.FREE | R.NO_COLUMN,
    "overrides": R.FREE | R.NO_COLUMN,
    "study": R.FREE | R.NO_COLUMN,
    "lmbdas": R.NO_COLUMN,
    "loss": R.FREE | R.NO_COLUMN,  # an image codec's model.distortion repeats it
    "callbacks.progress": R.NO_FOLDER | R.FREE | R.NO_COLUMN,
    "callbacks.checkpoint": R.EXTENDS,
    "callbacks.checkpoint.dirpath": R.FREE | R.NO_COLUMN,
    "trainer.enable_progress_bar": R.NO_FOLDER | R.FREE,
    "data.num_workers": R.NO_FOLDER | R.FREE,
    "data.roots": R.NO_FOLDER | R.FREE,
    # what a recipe names
    "experiment": R.NO_FOLDER | R.NO_LABEL,
    "ablation": R.NO_FOLDER | R.NO_LABEL,
    # what results say in their own place
    "lmbda": R.NO_LABEL,
    "seed": R.NO_LABEL,
    "model": R.NO_LABEL,
    "size": R.NO_LABEL,
    "trainer": R.NO_LABEL,
    "trainer.devices": R.NO_LABEL,
    "threads": R.NO_LABEL,
    "data": R.NO_LABEL,
    "data.test": R.NO_LABEL,
    "data.val": R.NO_LABEL,
    "data.name": R.NO_LABEL,
    "run": R.NO_LABEL,
    "weights": R.NO_LABEL,
    "protocol": R.NO_LABEL,
    "metric": R.NO_LABEL,
    # the length of a run
    "trainer.max_steps": R.EXTENDS,
    "trainer.val_check_interval": R.EXTENDS,
    "extend": R.EXTENDS,
}
# Roots of sets without a published content: they are the data. (Sintel is the same wherever it lies.)
OWN_ROOTS = ("data.roots.folder", "data.roots.sequences")


def having(role: Role) -> tuple[str, ...]:
    """The settings that have `role`."""
    return tuple(key for key, roles in ROLES.items() if role in roles)


def below(key: str, names: Iterable[str]) -> bool:
    """Whether the dotted `key` is one of `names` or lies below one."""
    return any(key == name or key.startswith(name + ".") for name in names)


def by_value(value: Any) -> Any:
    """`value` with its paths spelled in one way: `photos/`, `./photos` and `photos` are the same folder."""
    if isinstance(value, Mapping):
        return {key: by_value(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [by_value(each) for each in value]
    path = isinstance(value, str) and "/" in value and ":" not in value  # with a colon it may be a URL
    return os.path.normpath(value) if path else value


def flatten(tree: Any, prefix: str = "") -> dict[str, Any]:
    """`{"a": {"b": 1}}` -> `{"a.b": 1}`; lists count as one value."""
    if not isinstance(tree, Mapping):
        return {prefix: tree}
    return {
        name: leaf
        for key, value in tree.items()
        for name, leaf in flatten(value, f"{prefix}.{key}" if prefix else str(key)).items()
    }


def changed(old: Any, new: Any) -> list[str]:
    """Names of the settings in which two attempts at a run differ, those left out that may."""
    a, b = flatten(old), flatten(new)
    free = having(Role.FREE)
    keys = [key for key in sorted(a.keys() | b.keys()) if not below(key, free) or below(key, OWN_ROOTS)]
    return [key for key in keys if by_value(a.get(key)) != by_value(b.get(key))]
