"""The end of a sweep: baselines on what its runs were evaluated on, the report beside the points, a summary in the
tracker."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console

from common.baselines.for_runs import measure_baselines
from common.report.writer import Report, print_report, write_report


def sweep_report(folders: Sequence[Path], out: Path, config: DictConfig) -> Report:
    """Write the report on the runs in `folders` to `out` and print it.

    A run's `report.baselines` says which classical codecs are measured on its test set (kept under `runs/baselines`,
    measured once), `config.report.published` which published curves are drawn beside them, by name or by file.
    """
    console = Console()
    measured = measure_baselines(folders, Path(config.runs) / "baselines", console)
    report = write_report(list(folders), out, config.report.published or (), measured, title=str(config.name))
    print_report(report, console)
    from common.tracking.tracker import track_report

    track_report(config, report)
    return report
