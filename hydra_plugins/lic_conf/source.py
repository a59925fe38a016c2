"""The package `conf` as Hydra sees it: its files, with two differences.

- `conf/image_codec` and `conf/video_codec` are folders for the reader. The groups in them go by their own names, on the
  command line and in run folders: `attention=adjacent` is `conf/image_codec/attention/adjacent.yaml`.
- The rows of an ablation table are options of a group: see `ablation_tables`.
"""

from collections.abc import Iterator
from importlib import resources
from typing import Any

from hydra._internal.core_plugins.importlib_resources_config_source import ImportlibResourcesConfigSource
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigLoadError, ConfigResult
from hydra.plugins.search_path_plugin import SearchPathPlugin

from hydra_plugins.lic_conf import ablation_tables as tables

FOLDERS = ("image_codec", "video_codec")


class ConfSearchPath(SearchPathPlugin):
    """Has Hydra read the package `conf` by `ConfSource`."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for element in search_path.get_path():
            if element.path == "pkg://conf":
                element.path = f"{ConfSource.scheme()}://conf"


class ConfSource(ImportlibResourcesConfigSource):
    """The files of a package; paths are those that Hydra asks for: `attention/adjacent`, `ablation/TABLE/ROW`."""

    @staticmethod
    def scheme() -> str:
        return "lic-conf"

    def is_config(self, config_path: str) -> bool:
        table, row = tables.parts(config_path)
        if table is None or row is None:
            return super().is_config(self._placed(config_path))
        return self.is_config(f"{tables.GROUP}/{table}") and row in self._rows(table)

    def is_group(self, config_path: str) -> bool:
        if config_path.partition("/")[0] in FOLDERS:
            return False
        table, row = tables.parts(config_path)
        if table is None:
            return super().is_group(self._placed(config_path))
        return row is None and not config_path.endswith(".yaml") and self.is_config(config_path)

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        table, row = tables.parts(config_path)
        if table is not None:
            rows = row is None and results_filter != ObjectType.GROUP
            return sorted(self._rows(table)) if rows else []
        found = super().list(self._placed(config_path), results_filter)
        if config_path == "" and results_filter != ObjectType.CONFIG:
            found += [group.name for folder in self._folders() for group in folder.iterdir() if group.is_dir()]
        return sorted(found)

    def load_config(self, config_path: str) -> ConfigResult:
        table, row = tables.parts(config_path)
        found = super().load_config(self._placed(config_path if row is None else f"{tables.GROUP}/{table}"))
        if table is None:
            return found
        try:
            if row is None:
                found.config = tables.with_sweep(table, found.config)
            else:
                found.config = tables.row_config(row, found.config, self.is_group)
        except ValueError as error:
            raise ConfigLoadError(f"{self.path}/{tables.GROUP}/{table}.yaml: {error}") from error
        return found

    def _rows(self, table: str) -> dict[str, Any]:
        return tables.rows_of(super().load_config(f"{tables.GROUP}/{table}").config)

    def _placed(self, config_path: str) -> str:
        """`config_path` in the package, where its group is in one of FOLDERS."""
        group = config_path.partition("/")[0]
        inside = [folder.name for folder in self._folders() if group and folder.joinpath(group).is_dir()]
        return f"{inside[0]}/{config_path}" if inside else config_path

    def _folders(self) -> Iterator[Any]:
        package = resources.files(self.path)
        yield from (folder for folder in map(package.joinpath, FOLDERS) if folder.is_dir())
