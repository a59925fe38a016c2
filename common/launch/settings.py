"""Numbers that must be numbers, checked before anything is computed: a typing error is to cost no training."""

from collections.abc import Callable
from typing import Any

from omegaconf import DictConfig, OmegaConf

from common.errors import LicError


def _whole(least: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and value >= least


def _number(value: Any) -> bool:
    return isinstance(value, (int, float))


CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "lmbda": (_number, "a number, as in lmbda=0.013"),
    "seed": (lambda value: _whole(0)(value) and value < 2**32, "a whole number from 0 to 4294967295"),
    "threads": (_whole(1), "a whole number from 1 on"),
    "trainer.max_steps": (_whole(1), "a whole number from 1 on"),
    "data.batch_size": (_whole(1), "a whole number from 1 on"),
    "data.crop": (_whole(1), "a whole number of pixels from 1 on"),
    "data.num_workers": (_whole(0), "a whole number from 0 on"),
}


def check_settings(cfg: DictConfig) -> None:
    """Raises `LicError` for the first setting of `cfg` that is there, not null, and not what it must be."""
    if "metric" in cfg:
        raise LicError("a file of conf/metric/ begins with a line '# @package protocol.metrics.NAME'; one has none.")
    for key, (fits, what) in CHECKS.items():
        value = OmegaConf.select(cfg, key, throw_on_missing=False)
        if isinstance(value, (str, int, float)) and not fits(value):
            raise LicError(f"{key} is {value!r}, which must be {what}.")
