"""Training curves as `metrics.csv`, kept whole over any number of interruptions."""

import csv
from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger, rank_zero_experiment
from lightning.pytorch.utilities import rank_zero_only

from common.io import written_whole


class ResumableCSVLogger(Logger):
    """Appends to `metrics.csv` under `save_dir`: a row each time something is logged, a column for each metric.

    Lightning's own CSV logger deletes the file of an earlier attempt. This one writes on, but for the rows from the
    step at which the resumed run begins: those steps are made again.
    """

    def __init__(self, save_dir: str | Path) -> None:
        super().__init__()
        self.file = Path(save_dir) / "metrics.csv"
        self.columns: list[str] | None = None  # of the file, once this attempt has logged something

    @property
    def name(self) -> str:
        return "csv"

    @property
    def version(self) -> str:
        return ""

    @property
    def save_dir(self) -> str:
        return str(self.file.parent)

    @property
    @rank_zero_experiment
    def experiment(self) -> Path:
        return self.file

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *_: Any, **__: Any) -> None:
        """The run folder's config.yaml holds them already."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, Any], step: int | None = None) -> None:
        row = {"step": step or 0, **{key: value for key, value in metrics.items() if key != "epoch"}}
        if self.columns is None or not row.keys() <= set(self.columns):
            earlier = [old for old in self._read() if self.columns is not None or int(old["step"]) < row["step"]]
            known = {key for old in earlier for key in old} | row.keys()
            self.columns = ["step", *sorted(known - {"step"})]
            self._rewrite(earlier)
        with self.file.open("a", newline="") as file:
            csv.DictWriter(file, self.columns).writerow(row)

    def _read(self) -> list[dict[str, str]]:
        if not self.file.exists():
            return []
        with self.file.open(newline="") as file:
            return [row for row in csv.DictReader(file) if row["step"]]

    def _rewrite(self, rows: list[dict[str, str]]) -> None:
        with written_whole(self.file) as beside, beside.open("w", newline="") as file:
            writer = csv.DictWriter(file, self.columns or [])
            writer.writeheader()
            writer.writerows(rows)
