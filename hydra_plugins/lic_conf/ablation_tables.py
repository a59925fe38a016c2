"""A table of `conf/ablation` is one file, and each of its rows an option of a group.

In the file, a row is an entry of `study.rows` (of `study.curves` in a matrix of BD-rates) and says what it overrides:

    study:
      rows:
        - {row: aab, overrides: {attention: adjacent, mixture: 1}, cells: [✓, ×], psnr: 27.95}

Keys are what a command line takes: groups, `scheduler@model.scheduler` among them, and settings. `experiment` is a
recipe that takes the place of the table's own, of which nothing remains.

From it Hydra gets the option `ablation/TABLE=aab`, and from all of them the values that the table's sweep takes:
the default row first, then the others in their order. A table that leaves some out says which it takes. What rows
override is not part of the configuration of a run: the settings that it leads to are. `study.rows_decide` lists the
keys that any row overrides: such a key on the command line would win over all rows, so that it is refused there.
"""

from collections.abc import Callable, Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf

GROUP = "ablation"
RECIPE = "experiment"
OF_TABLE = f"{RECIPE}@_global_"  # the table's, beside the one of the command line


def parts(config_path: str) -> tuple[str | None, str | None]:
    """Table and row that `config_path` names: `ablation/TABLE/ROW`, or `ablation/TABLE`."""
    group, *names = config_path.removesuffix(".yaml").split("/")
    if group != GROUP or not 1 <= len(names) <= 2:
        return None, None
    return names[0], names[1] if len(names) == 2 else None


def rows_of(config: Any) -> dict[str, DictConfig]:
    """The rows of the table in `config`, each by its name, and what it overrides."""
    return {name: entry.overrides for name, entry in _entries(config) if "overrides" in entry}


def with_sweep(table: str, config: Any) -> DictConfig:
    """The table's own configuration: `config` of its file without what rows override, with the values of its sweep.

    Raises:
        ValueError: it has no rows, or no default row.
    """
    group, rows = f"{GROUP}/{table}", rows_of(config)
    if not rows:
        raise ValueError("no entry of its study.rows, or study.curves, has `overrides`.")
    defaults = [each for each in config.get("defaults", []) if OmegaConf.is_dict(each) and f"/{group}" in each]
    if not defaults:
        raise ValueError(f"its defaults lack '- /{group}: ROW', the row without -m.")
    first = defaults[0][f"/{group}"]
    if OmegaConf.select(config, f"hydra.sweeper.params.{group}") is None:
        OmegaConf.update(config, f"hydra.sweeper.params.{group}", ",".join([first, *(r for r in rows if r != first)]))
    config.study.rows_decide = sorted({str(key) for overrides in rows.values() for key in overrides})
    for _, entry in _entries(config):
        entry.pop("overrides", None)
    config.defaults = [_replaceable(each) for each in config.defaults]
    assert isinstance(config, DictConfig)
    return config


def row_config(row: str, config: Any, is_group: Callable[[str], bool]) -> DictConfig:
    """The option `row` of the table in `config`: groups are chosen in its defaults, settings are below.

    The group of `scheduler@model.scheduler` is `scheduler`: the rest is the place that it is chosen for.
    """
    overrides = rows_of(config)[row]
    groups = sorted(str(key) for key in overrides if is_group(str(key).partition("@")[0]))
    chosen = [{f"override /{OF_TABLE if key == RECIPE else key}": overrides[key]} for key in groups]
    made = OmegaConf.create({"defaults": chosen})
    for key, value in overrides.items():
        if key not in groups:
            OmegaConf.update(made, str(key), value)
    made.row = row
    return made


def _replaceable(default: Any) -> Any:
    """An entry of a table's defaults; a recipe that it names as a file becomes an option, which rows can override."""
    recipe = default.removeprefix(f"/{RECIPE}/") if isinstance(default, str) else default
    return default if recipe == default else {f"/{OF_TABLE}": recipe}


def _entries(config: Any) -> Iterator[tuple[str, Any]]:
    """What `study.rows` or `study.curves` say of each row of ours; several entries may be of one row."""
    study = config.get("study") or {}
    entries = study.get("rows") or list((study.get("curves") or {}).values())
    yield from ((entry.row, entry) for entry in entries if "row" in entry)
