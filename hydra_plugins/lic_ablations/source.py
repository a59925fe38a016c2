"""Tables of `conf/ablation` as Hydra sees them: a table is one file, and each of its rows is an option of a group.

In the file, a row is an entry of `study.rows` (of `study.curves` in a matrix of BD-rates) and says what it overrides:

    study:
      rows:
        - {row: aab, overrides: {attention: adjacent, mixture: 1}, cells: [✓, ×], psnr: 27.95}

From it Hydra gets the option `ablation/TABLE=aab`, and from all of them the values that the table's sweep takes:
the default row first, then the others in their order. A table that leaves some out says which it takes. What rows
override is not part of the configuration of a run: the settings that it leads to are.
"""

from collections.abc import Iterator
from typing import Any

from hydra._internal.core_plugins.importlib_resources_config_source import ImportlibResourcesConfigSource
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigLoadError, ConfigResult
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf

GROUP = "ablation"


class Tables(SearchPathPlugin):
    """Has Hydra ask for tables here before it finds their files itself."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        search_path.prepend(provider="lic", path=f"{TableSource.scheme()}://conf")


class TableSource(ImportlibResourcesConfigSource):
    """The files of `conf/ablation`, and of each table its rows."""

    @staticmethod
    def scheme() -> str:
        return "lic-tables"

    def is_config(self, config_path: str) -> bool:
        table, row = _parts(config_path)
        if not table or not super().is_config(f"{GROUP}/{table}"):
            return False
        return row is None or row in rows_of(self._file(table).config)

    def is_group(self, config_path: str) -> bool:
        if config_path.endswith(".yaml"):  # asked when a folder is listed
            return False
        table, row = _parts(config_path)
        return config_path == GROUP or bool(table and row is None and self.is_config(config_path))

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        table, row = _parts(config_path)
        if config_path == "":
            return [] if results_filter == ObjectType.CONFIG else [GROUP]
        if config_path == GROUP:
            return super().list(config_path, results_filter)
        if table is None or row is not None or results_filter == ObjectType.GROUP:
            return []
        return sorted(rows_of(self._file(table).config))

    def load_config(self, config_path: str) -> ConfigResult:
        table, row = _parts(config_path)
        found = self._file(str(table))
        if row is None:
            found.config = self._table(str(table), found.config)
        else:
            found.config = self._row(row, rows_of(found.config)[row])
        return found

    def _file(self, table: str) -> ConfigResult:
        found = super().load_config(f"{GROUP}/{table}")
        if not rows_of(found.config):
            raise ConfigLoadError(f"{self._name(table)}: no entry of its study.rows, or study.curves, has `overrides`.")
        return found

    def _name(self, table: str) -> str:
        return f"{self.path}/{GROUP}/{table}.yaml"

    def _table(self, table: str, config: Any) -> DictConfig:
        """The table's own configuration: its file without what rows override, and with the values of its sweep."""
        group = f"{GROUP}/{table}"
        defaults = [each for each in config.get("defaults", []) if OmegaConf.is_dict(each) and f"/{group}" in each]
        if not defaults:
            raise ConfigLoadError(f"{self._name(table)}: its defaults lack '- /{group}: ROW', the row without -m.")
        first = defaults[0][f"/{group}"]
        values = [first, *(row for row in rows_of(config) if row != first)]
        if OmegaConf.select(config, f"hydra.sweeper.params.{group}") is None:
            OmegaConf.update(config, f"hydra.sweeper.params.{group}", ",".join(values))
        for _, entry in _entries(config):
            entry.pop("overrides", None)
        assert isinstance(config, DictConfig)
        return config

    def _row(self, row: str, overrides: DictConfig) -> DictConfig:
        """The option `row`: groups are chosen in its defaults, settings are below."""
        groups = {key for key in overrides if super(TableSource, self).is_group(str(key))}
        config = OmegaConf.create({"defaults": [{f"override /{key}": overrides[key]} for key in sorted(groups)]})
        for key, value in overrides.items():
            if key not in groups:
                OmegaConf.update(config, str(key), value)
        config.row = row
        return config


def rows_of(config: Any) -> dict[str, DictConfig]:
    """The rows of the table in `config`, each by its name, and what it overrides."""
    return {name: entry.overrides for name, entry in _entries(config) if "overrides" in entry}


def _entries(config: Any) -> Iterator[tuple[str, Any]]:
    """What `study.rows` or `study.curves` say of each row of ours; several entries may be of one row."""
    study = config.get("study") or {}
    entries = study.get("rows") or list((study.get("curves") or {}).values())
    yield from ((entry.row, entry) for entry in entries if "row" in entry)


def _parts(config_path: str) -> tuple[str | None, str | None]:
    """Table and row that `config_path` names: `ablation/TABLE/ROW`, or `ablation/TABLE`."""
    group, *names = config_path.removesuffix(".yaml").split("/")
    if group != GROUP or not 1 <= len(names) <= 2:
        return None, None
    return names[0], names[1] if len(names) == 2 else None
