"""What an ablation table must say of itself."""

import pytest

from common.errors import LicError
from common.run.study import MATRIX, ROWS, check_study


@pytest.mark.parametrize("keys", [MATRIX, ROWS])
def test_each_kind_of_table_needs_its_own(keys: tuple[str, ...]) -> None:
    whole = dict.fromkeys(keys, "x")
    check_study(whole, "mine")
    for key in set(keys) - {"bd_rate"}:
        with pytest.raises(LicError, match=f"mine: its `study` lacks {key};"):
            check_study({k: v for k, v in whole.items() if k != key}, "mine")
