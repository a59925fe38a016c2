"""`sweep.json` in a sweep's folder: all points of the sweep, also those that have not started yet."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from common.errors import LicError
from common.io import read_json, write_json
from common.run.names import slug

PLAN = "sweep.json"
BY_OVERRIDES = "${lic.slug:}"  # hydra.sweep.subdir, unless someone has set it


def note(sweep: Path, points: Mapping[str, Sequence[str]]) -> None:
    """Add `points`, folder name -> overrides, to the plan of the sweep in `sweep`."""
    sweep.mkdir(parents=True, exist_ok=True)
    write_json(sweep / PLAN, {**planned(sweep), **{name: list(overrides) for name, overrides in points.items()}})


def planned(sweep: Path) -> dict[str, list[str]]:
    """Folder name of a point, below `sweep` -> its overrides; empty where nothing is noted."""
    file = sweep / PLAN
    return read_json(file) if file.exists() else {}


def by_overrides(config: DictConfig) -> bool:
    """Whether folders of points are named as usual."""
    sweep: Any = OmegaConf.to_container(config.hydra.sweep)
    return bool(sweep["subdir"] == BY_OVERRIDES)


def name_of(loader: ConfigLoader, config: DictConfig, overrides: Sequence[str], number: int | None = None) -> str:
    """Name of the folder, below that of the sweep, of the point that `overrides` describe.

    Args:
        config: of the sweep.
        number: of the point, where it is known.

    Raises:
        LicError: the name needs what is not known.
    """
    if by_overrides(config):
        return slug(overrides, Path(config.hydra.sweep.dir))
    whole = loader.load_sweep_config(config, list(overrides))
    with open_dict(whole):
        if number is not None:
            whole.hydra.job.id, whole.hydra.job.num = str(number), number
    HydraConfig.instance().set_config(whole)
    try:
        return str(whole.hydra.sweep.subdir)
    except OmegaConfBaseException as error:
        why = str(error).splitlines()[0]
        raise LicError(f"points must be found by what they are: leave hydra.sweep.subdir as it is ({why}).") from error
    finally:
        HydraConfig.instance().set_config(config)
