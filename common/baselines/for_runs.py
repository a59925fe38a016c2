"""The classical codecs that runs name (`report.baselines`), measured on what the runs were evaluated on."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from common.errors import LicError
from common.results.record import Modality, read_record
from common.run.folder import RunFolder

if TYPE_CHECKING:
    from common.baselines.benches import Bench


class Evaluated(NamedTuple):
    """What finished runs were evaluated on, alike.

    Attributes:
        folder: one of the runs.
        result: its result.json.
        baselines: names of the classical codecs to be measured on the same.
        metrics: configurations of the measures of one's own that any of the runs has, by name.
    """

    folder: RunFolder
    result: dict[str, Any]
    baselines: list[str]
    metrics: dict[str, Any]


def evaluated(folders: Sequence[Path]) -> list[Evaluated]:
    """The runs in or below `folders` by what they were evaluated on: photographs, or clips under some conditions.

    Each run says itself which codecs it is to be compared with: the configuration of a sweep over models or protocols
    has those of the default. Runs that cannot be read are left out: the report names them.
    """
    found: dict[str, Evaluated] = {}
    files = [
        file for folder in folders for file in [*folder.glob("result.json"), *sorted(folder.glob("*/result.json"))]
    ]
    for file in files:
        run = RunFolder(file.parent)
        try:
            record = read_record(file)
            if record.kind not in (Modality.IMAGE, Modality.VIDEO):
                continue
            cfg = run.config()
        except LicError:
            continue
        key = json.dumps([record.content["dataset"], record.conditions])
        each = found.setdefault(key, Evaluated(run, record.content, [], {}))
        wanted = OmegaConf.select(cfg, "report.baselines") or []
        each.baselines.extend(name for name in wanted if name not in each.baselines)
        each.metrics.update(OmegaConf.to_container(OmegaConf.select(cfg, "protocol.metrics") or DictConfig({})))  # type: ignore[arg-type]
    return list(found.values())


def measure_baselines(folders: Sequence[Path], out: Path, console: Console) -> list[Path]:
    """The curves of the classical codecs that the runs in or below `folders` name, on what each was evaluated on.

    What cannot be measured is said on the console and left out.
    """
    from common.baselines import codecs, video_codecs
    from common.baselines.benches import made

    files, reasons = [], []
    for each in evaluated(folders):
        works, missing = (video_codecs if "conditions" in each.result else codecs).available()
        for name in each.baselines:
            if name not in works:
                reasons.append(missing.get(name, f"there is no classical codec {name!r}."))
        place = out / "-".join(identity.rpartition(" ")[2] for identity in each.result["dataset"].split(", "))
        for bench in benches(each, [works[name] for name in each.baselines if name in works], place):
            try:
                files += made([bench], console)
            except LicError as error:
                reasons.append(str(error))
    for reason in dict.fromkeys(reasons):
        console.print(f"Left out: {reason}", markup=False)
    return files


def benches(each: Evaluated, codecs: list[Any], place: Path) -> "list[Bench]":
    """The measurements of `codecs`, in `place`, on what `each` was evaluated on."""
    from common.baselines.benches import of_clips, of_pictures
    from common.baselines.conditions import Conditions
    from common.run.targets import instantiate_harmless

    result = each.result
    metrics = instantiate_harmless(OmegaConf.create(each.metrics))
    if "conditions" not in result:
        sources = [Path(image["source"]) for image in result["images"]]
        return of_pictures(codecs, sources, result["dataset"], place, metrics=metrics)
    conditions = Conditions(**result["conditions"])

    def clips() -> list[Any]:
        data = instantiate_harmless(each.folder.config().data)
        if data.identity() != result["dataset"]:
            raise LicError(f"the clips that {each.folder.path} was evaluated on have changed since.")
        return data.sequences(conditions.conversion)

    return of_clips(codecs, len(result["sequences"]), clips, result["dataset"], conditions, place, metrics=metrics)
