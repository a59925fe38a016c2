"""Training curves as `metrics.csv`, kept whole over any number of interruptions."""

import csv
import os
from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger, rank_zero_experiment
from lightning.pytorch.utilities import rank_zero_only


class ResumableCSVLogger(Logger):
    """Writes `metrics.csv` under `save_dir`, one row a step, one column a metric.

    Lightning's own CSV logger deletes the file of an earlier attempt. This one reads it, drops the rows from the
    step at which the resumed run begins (those steps are made again) and writes on.
    """

    def __init__(self, save_dir: str | Path, flush_every: int = 20) -> None:
        super().__init__()
        self.file = Path(save_dir) / "metrics.csv"
        self.flush_every = flush_every
        self.rows: dict[int, dict[str, Any]] = {}
        self.earlier = self._read()
        self.unsaved = 0

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
    def experiment(self) -> dict[int, dict[str, Any]]:
        return self.rows

    def _read(self) -> dict[int, dict[str, Any]]:
        if not self.file.exists():
            return {}
        with self.file.open(newline="") as file:
            return {int(row["step"]): {k: v for k, v in row.items() if v} for row in csv.DictReader(file)}

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *_: Any, **__: Any) -> None:
        """The run folder's config.yaml holds them already."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, Any], step: int | None = None) -> None:
        step = step or 0
        if self.earlier:
            self.rows = {at: row for at, row in self.earlier.items() if at < step}
            self.earlier = {}
        self.rows.setdefault(step, {"step": step}).update({k: v for k, v in metrics.items() if k != "epoch"})
        self.unsaved += 1
        if self.unsaved >= self.flush_every:
            self.save()

    @rank_zero_only
    def save(self) -> None:
        if not self.unsaved:
            return
        columns = ["step", *sorted({key for row in self.rows.values() for key in row} - {"step"})]
        part = self.file.with_suffix(".part")
        with part.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(self.rows[step] for step in sorted(self.rows))
        os.replace(part, self.file)
        self.unsaved = 0

    @rank_zero_only
    def finalize(self, status: str) -> None:
        self.save()
