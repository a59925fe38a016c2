"""`study` in the configuration of an ablation's runs; `common.report.ablation.study_runs` says what is in it."""

from collections.abc import Mapping
from typing import Any

from common.errors import LicError

MATRIX = ("title", "source", "curves", "bd_rate")
ROWS = ("title", "source", "reference", "columns", "claims", "rows")


def check_study(study: Mapping[str, Any], where: str) -> None:
    """Raises `LicError`, which begins with `where`, for a study that lacks what its table is made of."""
    missing = [key for key in (MATRIX if "bd_rate" in study else ROWS) if key not in study]
    if missing:
        raise LicError(f"{where}: its `study` lacks {', '.join(missing)}; see conf/ablation.")
