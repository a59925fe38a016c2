"""Names of curves given on the command line: `--label RUN=TEXT`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from common.errors import LicError
from common.results.collect import Collection
from common.results.curves import Curve
from common.results.flow_results import Score
from common.results.point_names import distinct
from common.results.points import plain

Named = Curve | Score


class _Label(NamedTuple):
    """What `members` (places in a list) are to be called; `depth` is greater for what names them more exactly."""

    depth: int
    members: list[int]
    text: str


def renamed(found: Collection, published: Sequence[Curve], labels: Sequence[str]) -> tuple[Collection, list[Curve]]:
    """`found`, whose runs are not yet joined to curves, and `published` under the names that `labels` give.

    A label is RUN=TEXT. RUN is the folder of a run or of a sweep, all of whose runs are then called TEXT; or the file
    of a curve; or a curve's name, with or without the overrides that all runs have, or as it was asked for.
    Runs of one TEXT are one curve.

    Raises:
        LicError: RUN is none of these, or holds several curves, or TEXT is what another curve is called.
    """
    named: list[Named] = [*found.curves, *found.scores, *published]
    short = _short(named)
    texts: dict[int, str] = {}
    for label in sorted((_matched(label, named, short) for label in labels), key=lambda label: label.depth):
        texts |= dict.fromkeys(label.members, label.text)
    taken = {each.name for place, each in enumerate(named) if place not in texts}
    if twice := sorted(taken & set(texts.values())):
        raise LicError(f"--label: {twice[0]!r} is what another curve of the report is called; choose another name.")
    curves, scores, more = len(found.curves), len(found.scores), len(published)
    new = [_called(each, texts.get(place, each.name)) for place, each in enumerate(named)]
    again = found._replace(
        curves=[each for each in new[:curves] if isinstance(each, Curve)],
        scores=[each for each in new[curves : curves + scores] if isinstance(each, Score)],
    )
    return again, [each for each in new[len(new) - more :] if isinstance(each, Curve)]


def _called(each: Named, name: str) -> Named:
    return replace(each, name=name) if isinstance(each, Curve) else each._replace(name=name)


def _short(named: Sequence[Named]) -> list[str]:
    """Names as tables show them."""
    groups: dict[tuple[str | None, str | None], list[int]] = {}
    for place, each in enumerate(named):
        if _is_run(each):
            groups.setdefault((each.protocol, each.dataset), []).append(place)
    short = [each.name for each in named]
    for places in groups.values():
        names = list(dict.fromkeys(named[place].name for place in places))
        shown = dict(zip(names, distinct(names)[0]))
        for place in places:
            short[place] = shown[named[place].name]
    return short


def _is_run(each: Named) -> bool:
    return isinstance(each, Score) or each.kind == "run"


def _key(each: Named) -> str:
    """What the command line calls a published curve."""
    return each.origin.key if isinstance(each, Curve) and each.origin else ""


def _matched(label: str, named: Sequence[Named], short: Sequence[str]) -> _Label:
    # Names of runs hold "=", and so may what they are to be called: the longest RUN that there is.
    cuts = [i for i, letter in enumerate(label) if letter == "="][::-1]
    for cut in cuts:
        run, text = label[:cut].strip(), plain(label[cut + 1 :])
        called = [i for i, each in enumerate(named) if run in (each.name, short[i], _key(each))]
        place = Path(run).expanduser().resolve()
        below = [i for i, each in enumerate(named) if each.source and _holds(place, each)]
        if not (run and (called or below)):
            continue
        if not text:
            raise LicError(f"--label {label}: say what {run} is to be called.")
        names = list(dict.fromkeys(named[i].name for i in called or below))
        if len(names) > 1:
            several = ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
            raise LicError(f"--label {label}: {run} holds {len(names)} curves; give the name of one ({several}).")
        return _Label(0 if called else len(place.parts), called or below, text)
    if not cuts:
        raise LicError(f"--label {label}: give RUN=TEXT, such as --label runs/demo=ours.")
    names = list(dict.fromkeys(short))
    there = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
    run = label.partition("=")[0]
    raise LicError(f"--label {label}: {run} is neither a folder with runs of this report nor a curve ({there}).")


def _holds(place: Path, each: Named) -> bool:
    """Whether `each` was read from the file `place`, or is a run in or below the folder `place`."""
    source = each.source.resolve() if each.source else None
    return source is not None and (source == place or (_is_run(each) and place in source.parents))
