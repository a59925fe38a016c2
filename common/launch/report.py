"""The end of a sweep: baselines on the same pictures, the report beside the points, a summary in the tracker."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from rich.console import Console
from rich.progress import Progress

from common.launch.folder import RunFolder
from common.rd.report import Report, print_report, write_report


def sweep_report(folders: Sequence[Path], out: Path, config: DictConfig) -> Report:
    """Write the report on the runs in `folders` to `out` and print it.

    `config.report` says which classical codecs are measured on the runs' photographs (kept under
    `runs/baselines`, measured once) and which published curves are drawn beside them.
    """
    console = Console()
    measured = measure_baselines(folders, list(config.report.baselines), Path(config.runs) / "baselines", console)
    published = [Path(file) for file in config.report.published]
    report = write_report(list(folders), out, published, measured, title=str(config.name))
    print_report(report, console)
    from common.launch.track import track_report

    track_report(config, report)
    return report


def measure_baselines(folders: Sequence[Path], names: list[str], out: Path, console: Console) -> list[Path]:
    """The curves of the codecs called `names` on every set of photographs that the runs were evaluated on."""
    from common.baselines.codecs import available
    from common.baselines.measure import bench

    sets = evaluated_sets(folders)
    if not sets:
        return []
    works, missing = available()
    for name in names:
        if name not in works:
            console.print(f"Left out: {missing.get(name, f'there is no classical codec {name!r}.')}", markup=False)
    codecs = [works[name] for name in names if name in works]
    files = []
    for dataset, sources in sets.items():
        with Progress(console=console) as progress:
            for codec in codecs:
                total = len(sources) * len(codec.qualities)
                task = progress.add_task(f"{codec.title} on {len(sources)} photographs", total=total)
                place = out / dataset.rsplit(" ", 1)[-1]
                files.append(bench(codec, sources, dataset, place, step=partial(progress.advance, task)))
                progress.update(task, completed=total)
    return files


def evaluated_sets(folders: Sequence[Path]) -> dict[str, list[Path]]:
    """Identity of every set of photographs among the finished runs -> its files, where they are still to be found."""
    sets: dict[str, list[Path]] = {}
    for folder in folders:
        result = RunFolder(folder).result
        if result.exists():
            content: dict[str, Any] = json.loads(result.read_text())
            sources = [Path(image["source"]) for image in content.get("images", [])]
            if sources and all(source.exists() for source in sources):
                sets[content["dataset"]] = sources
    return sets
