"""Numbers that settings must not be."""

import math
from typing import Any

import numpy as np
import pytest

from common.checks import check_number, check_whole
from common.errors import LicError


@pytest.mark.parametrize("value", [-1, -0.1, math.nan, math.inf, "1", None, True])
def test_what_is_no_number_from_zero_on(value: Any) -> None:
    check_number("loss.weight", 0)
    check_number("loss.weight", np.float32(0.5), above=True)
    with pytest.raises(LicError, match=r"loss.weight must be at least 0, not"):
        check_number("loss.weight", value)


def test_a_number_above() -> None:
    with pytest.raises(LicError, match=r"loss.lr must be a number above 0, not 0"):
        check_number("loss.lr", 0, above=True)


@pytest.mark.parametrize("value", [0, -3, 1.5, "2", None, True])
def test_what_is_no_whole_number(value: Any) -> None:
    check_whole("width", np.int64(1))
    with pytest.raises(LicError, match=r"width must be a whole number from 1 on, not"):
        check_whole("width", value)
