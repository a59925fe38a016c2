"""Checks of numbers that settings hold, for constructors: one sentence that says what may be given."""

import math
from numbers import Integral, Real
from typing import Any

from common.errors import LicError


def check_number(setting: str, value: Any, least: float = 0, above: bool = False) -> None:
    """Raises `LicError` unless `value` is a finite number of at least `least`; greater than that with `above`.

    Args:
        setting: as it is typed, such as `loss.weight`.
    """
    number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not number or float(value) < least or (above and value == least):
        raise LicError(f"{setting} must be {'a number above' if above else 'at least'} {least:g}, not {value!r}.")


def check_whole(setting: str, value: Any, least: int = 1) -> None:
    """Raises `LicError` unless `value` is a whole number of at least `least`."""
    if not isinstance(value, Integral) or isinstance(value, bool) or int(value) < least:
        raise LicError(f"{setting} must be a whole number from {least} on, not {value!r}.")
