"""What a search is judged by: a value of one point's result, or of the curve that several points make."""

from collections.abc import Callable, Sequence
from pathlib import Path

from common.errors import LicError
from common.io import read_json
from common.results.bd import bd_rate
from common.results.collect import collect
from common.results.curves import Curve, load
from common.results.points import cost
from common.run.folder import RunFolder

# Folders of a trial's points -> its value; None where a point failed or its value is not defined.
Objective = Callable[[Sequence[Path]], float | None]


def objective(name: str, reference: str | None, lmbdas: int) -> Objective:
    """The objective called `name`, of trials that run one point at each of so many λ.

    Raises:
        LicError: λ, or the reference, does not go with it.
    """
    if name == "bd_rate":
        if lmbdas < 3 or reference is None:
            raise LicError(
                "objective=bd_rate compares curves: give lmbda=a,b,c or more, and hydra.sweeper.reference=PLACE."
            )
        anchor = curve(Path(reference))
        return lambda folders: _bd_rate(anchor, folders)
    if reference is not None:
        raise LicError(f"objective={name} is compared with nothing: leave hydra.sweeper.reference out.")
    if lmbdas > 1:
        raise LicError(f"objective={name} is of one λ: give one (lmbda=…), or hydra.sweeper.objective=bd_rate.")
    return lambda folders: value(folders[0], name)


def value(folder: Path, name: str) -> float | None:
    """The result called `name` of the run in `folder`; "cost": what training minimises, on whole pictures."""
    run = RunFolder(folder)
    if not run.result.exists():
        return None
    result = read_json(run.result)
    if name != "cost":
        if name not in result["results"]:
            raise LicError(f"results have no {name!r}: choose cost, bd_rate or one of {', '.join(result['results'])}.")
        if len(values := result["results"][name]) > 1:
            raise LicError(f"this network has {len(values)} rates: choose the objective cost or bd_rate, not {name}.")
        return values[0]
    if not (result.get("images") or result.get("sequences")):
        raise LicError("objective=cost is of codecs; for a flow network take a result: hydra.sweeper.objective=epe.")
    return cost(result, run.config().distortion)


def curve(place: Path) -> Curve:
    """The one curve in a JSON file, or of the finished runs in a folder."""
    if place.is_file():
        return load(place)
    curves = [each for each in collect([place]).curves if each.kind == "run"]
    if len(curves) != 1:
        raise LicError(f"{place} holds {len(curves)} curves of runs; the reference of a search is one.")
    return curves[0]


def _bd_rate(anchor: Curve, folders: Sequence[Path]) -> float | None:
    files = [RunFolder(folder).result for folder in folders]
    if not all(file.exists() for file in files):
        return None
    points = tuple(point for file in files for point in load(file).points)
    return bd_rate(anchor, Curve("trial", "run", points)).percent
