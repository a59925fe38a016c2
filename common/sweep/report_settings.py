"""Checks for invalid settings of `report` before anything is trained: it is made at the end of a sweep."""

import logging
from typing import Any

from omegaconf import DictConfig

from common.errors import LicError
from common.published.curves import chosen
from common.spelling import advice

log = logging.getLogger(__name__)


def check_report(report: DictConfig) -> None:
    """Raises `LicError` for a published curve or a classical codec that does not exist, and for a damaged file.

    A codec whose program is not installed here is left out of the report later, and named there.
    """
    for key in ("published", "baselines"):
        if not isinstance(names(report, key), list):
            raise LicError(f"report.{key} is a list, as in report.{key}=[{'vtm' if key == 'published' else 'jpeg'}].")
    try:
        chosen(report.published or ())
    except LicError as error:
        raise LicError(f"report.published: {error}") from error
    if not report.baselines:
        return
    from common.baselines import codecs, video_codecs

    known = [*(codec.name for codec in codecs.CODECS), *(codec.name for codec in video_codecs.CODECS)]
    for name in report.baselines:
        if name not in known:
            raise LicError(f"report.baselines: there is no classical codec {name!r}: {advice(str(name), known)}")


def say_what_needs_a_sweep(report: DictConfig, typed: set[str]) -> None:
    """A line for what was typed for the report of a single run, which makes none."""
    for key in ("baselines", "published"):
        if f"report.{key}" in typed and names(report, key):
            log.warning(
                "report.%s is of sweeps: a single run makes no report. Add -m, or use lic bench and lic report.", key
            )


def names(report: DictConfig, key: str) -> Any:
    """`report.baselines`, or `report.published`, as plain values."""
    value = report.get(key)
    return [] if value is None else list(value) if not isinstance(value, str) else value
