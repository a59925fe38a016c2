"""What an ablation table must say of itself."""

import pytest

from common.errors import LicError
from common.run.study import MATRIX, ROWS, check_rows_decide, check_study


@pytest.mark.parametrize("keys", [MATRIX, ROWS])
def test_each_kind_of_table_needs_its_own(keys: tuple[str, ...]) -> None:
    whole = dict.fromkeys(keys, "x")
    check_study(whole, "mine")
    for key in set(keys) - {"bd_rate"}:
        with pytest.raises(LicError, match=f"mine: its `study` lacks {key};"):
            check_study({k: v for k, v in whole.items() if k != key}, "mine")


def test_what_rows_decide_is_not_typed() -> None:
    study = {"rows_decide": ["attention", "model.codec.N"]}
    check_rows_decide(study, {"lmbda", "attention.window", "model.codec.M"}, "ablation=mine")
    check_rows_decide({}, {"attention"}, "an old run's")
    for key in study["rows_decide"]:
        with pytest.raises(LicError, match=rf"ablation=mine: its rows decide {key}, .* leave {key}= out"):
            check_rows_decide(study, {"lmbda", key}, "ablation=mine")
