"""What lies below some folders: curves, scores, and points that failed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from common.errors import LicError
from common.io import read_json
from common.results.curves import Curve, load
from common.results.flow_results import Score, score
from common.results.record import Modality, read_record


class Failure(NamedTuple):
    """A point of a sweep that has no result, and why."""

    folder: Path
    reason: str


class Collection(NamedTuple):
    """What was found below some folders."""

    curves: list[Curve]
    scores: list[Score]
    failures: list[Failure]


def collect(folders: Sequence[Path]) -> Collection:
    """Everything measured below `folders`: runs joined to curves, scores, baselines, and points that failed.

    Raises:
        LicError: one of the folders does not exist.
    """
    return joined(read(folders))


def joined(found: Collection) -> Collection:
    """`found` with the run points of the same (curve, protocol, dataset) in one curve, before the baselines."""
    runs: dict[tuple[str, str | None, str | None], list[Curve]] = {}
    for curve in found.curves:
        if curve.kind == "run":
            runs.setdefault((curve.name, curve.protocol, curve.dataset), []).append(curve)
    curves = [replace(c[0], points=tuple(point for each in c for point in each.points)) for c in runs.values()]
    return found._replace(curves=[*curves, *(curve for curve in found.curves if curve.kind != "run")])


def gathered(folders: Sequence[Path], baselines: Sequence[Path]) -> Collection:
    """What is to be reported on: everything below `folders`, and of `baselines` (files, or folders of them) those that
    were measured on the same. A curve for each file; `joined` joins the points of a sweep.
    """
    found = read(folders)
    known = {curve.source.resolve() for curve in found.curves if curve.source}
    more = [load(path) for path in baselines if path.is_file()]
    searched = read([path for path in baselines if not path.is_file()])
    more += [curve for curve in searched.curves if curve.kind == "baseline"]
    measured = {(run.protocol, content_of(run.dataset)) for run in found.curves if run.kind == "run"}
    measured |= {(run.protocol, content_of(run.dataset)) for run in found.scores}
    fresh: list[Curve] = [
        curve
        for curve in more
        if curve.source
        and curve.source.resolve() not in known
        and (not measured or (curve.protocol, content_of(curve.dataset)) in measured)
    ]
    return found._replace(curves=[*found.curves, *fresh])


def content_of(dataset: str | None) -> str | None:
    """What of an identity is the same for the same pictures or clips under other names: numbers and hashes."""
    sets = re.findall(r"(\d+ (?:picture|sequence)s? [0-9a-f]{8})(?:, |$)", dataset or "")
    return ", ".join(sorted(sets)) or dataset


def read(folders: Sequence[Path]) -> Collection:
    """Everything measured below `folders`, a curve for each file.

    Hidden folders are not entered. A result that cannot be read counts as a failure with that
    reason; `failed.json` counts unless a result lies beside it.

    Raises:
        LicError: one of the folders does not exist.
    """
    curves: list[Curve] = []
    scores: list[Score] = []
    failures: list[Failure] = []
    for path in _files(folders):
        try:
            if path.name == "result.json":
                record, timing = read_record(path), _timing(path.parent / "timing.json")
                if record.kind is Modality.FLOW:
                    scores.append(score(record.content, timing, path))
                    continue
                curves.append(replace(_with_timing(load(path), timing), kind="run"))
            elif path.name.endswith(".baseline.json"):
                curves.append(load(path))
            elif path.name == "failed.json" and not (path.parent / "result.json").exists():
                failures.append(Failure(path.parent, _reason(path)))
        except LicError as error:
            failures.append(Failure(path.parent, str(error)))
    return Collection(curves, scores, failures)


def _files(folders: Sequence[Path]) -> list[Path]:
    files: dict[Path, None] = {}  # a folder and its parent may both be given
    for folder in folders:
        if not folder.exists():
            raise LicError(f"{folder} does not exist; give folders of finished runs.")
        below = [folder] if folder.is_file() else sorted(folder.rglob("*.json"))
        for path in below:
            if not any(part.startswith(".") for part in path.relative_to(folder).parts):
                files.setdefault(path.resolve())
    return list(files)


def _timing(path: Path) -> dict[str, Any]:
    """Seconds by name; none where the file is missing."""
    if not path.exists():
        return {}
    data = read_json(path)
    if not isinstance(data, dict):
        raise LicError(f'{path} should hold seconds by name, such as {{"encoding_time": 0.1, "decoding_time": 0.2}}.')
    return data


def _with_timing(run: Curve, timing: Mapping[str, Any]) -> Curve:
    return replace(run, points=tuple(replace(p, extra={**p.extra, **timing}) for p in run.points))


def _reason(path: Path) -> str:
    data = read_json(path)
    return str(data.get("reason") if isinstance(data, dict) else data)
