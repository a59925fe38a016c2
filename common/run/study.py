"""`study` in the configuration of an ablation's runs; `common.report.ablation.study_runs` says what is in it."""

from collections.abc import Iterable, Mapping
from typing import Any

from common.errors import LicError

MATRIX = ("title", "source", "curves", "bd_rate")
ROWS = ("title", "source", "reference", "columns", "claims", "rows")


def check_study(study: Mapping[str, Any], where: str) -> None:
    """Raises `LicError`, which begins with `where`, for a study that lacks what its table is made of."""
    missing = [key for key in (MATRIX if "bd_rate" in study else ROWS) if key not in study]
    if missing:
        raise LicError(f"{where}: its `study` lacks {', '.join(missing)}; see conf/ablation.")


def check_rows_decide(study: Mapping[str, Any], typed: Iterable[str], where: str) -> None:
    """Raises `LicError`, which begins with `where`, if a key of `typed` takes a decision from the table's rows.

    Args:
        typed: dotted keys and groups of the command line. What is typed wins over every row, so that the table would
            name what was not trained.
    """
    for key in sorted(set(study.get("rows_decide") or ()).intersection(typed)):
        raise LicError(
            f"{where}: its rows decide {key}, and on the command line it would be the same in all of them: leave "
            f"{key}= out, or train that network by itself, without ablation=."
        )
