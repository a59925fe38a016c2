"""Published curves by name or by file: `chosen(["vtm", "elic", "mine.json"])`.

A name stands for one codec on every set that its points were published for; in a report each of its curves joins the
results on its own set (`common.results.groups`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from common.errors import LicError
from common.io import read_json
from common.results.curves import Curve, curve_of, load
from common.results.origin import Origin

DATA = Path(__file__).parent / "data"
SOURCES = "sources.json"
CLOSE = 6  # names that an error tells
BY_NAME = "the test set is told by its name alone, as lic does not know its files"


def chosen(words: str | Iterable[str | Path]) -> list[Curve]:
    """The curves that `words` name: files in CompressAI's layout, or names of `named`, several joined by commas.

    A file comes before a name; each curve is given once.

    Raises:
        LicError: a word is neither, or a file cannot be read.
    """
    found: dict[object, Curve] = {}
    for word in _apart([words] if isinstance(words, str) else words):
        path = Path(word)
        if path.is_file():
            found.setdefault(path.resolve(), load(path))
            continue
        curves = named().get(_key(word))
        if curves is None:
            raise LicError(_unknown(word))
        found.update({(each.origin.key, each.origin.dataset): each for each in curves if each.origin})
    return list(found.values())


@cache
def named() -> dict[str, list[Curve]]:
    """Every packaged curve, by the name that the command line has for it; one for each set."""
    known = read_json(DATA / SOURCES)
    found: dict[str, list[Curve]] = {}
    for path in sorted(DATA.glob("*.json")):
        if path.name != SOURCES:
            test_set = read_json(path)
            for key, entry in test_set["curves"].items():
                found.setdefault(key, []).append(_curve(key, entry, test_set, known, path))
    return dict(sorted(found.items()))


def titles() -> dict[str, str]:
    """What every test set is, by its name."""
    return {each["set"]: each["title"] for path in sorted(DATA.glob("*.json")) if "set" in (each := read_json(path))}


def _curve(key: str, entry: dict[str, Any], test_set: dict[str, Any], known: dict[str, Any], path: Path) -> Curve:
    source = known["sources"][entry["source"]]
    paper = known["papers"][entry["paper"]] if "paper" in entry else source.get("citation", "")
    address = source["repository"] + (f"@{source['commit'][:7]}" if "commit" in source else "")
    origin = Origin(
        key,
        f"{address} {entry['file']}",
        source["licence"],
        paper,
        test_set["set"],
        tuple(test_set.get("also_called", ())),
        test_set.get("content"),
        test_set.get("sequences"),
        entry.get("protocol", test_set["protocol"]),
        entry.get("conditions", test_set.get("conditions", {})),
    )
    curve = curve_of({"name": entry["name"], "results": entry["results"]}, path)
    said = [entry.get("description", ""), "" if origin.content else BY_NAME]
    place = origin.source.removeprefix("https://")
    note = "; ".join([f"{curve.name}: {place} ({origin.licence})", *filter(None, said)]) + "."
    points = tuple(replace(point, source=None) for point in curve.points)
    description = entry.get("description", "")
    return replace(curve, points=points, description=description, source=None, note=note, origin=origin)


def _apart(words: Iterable[str | Path]) -> Iterator[str | Path]:
    """`words`, and what commas join in those that are not called so on disk."""
    for word in words:
        if isinstance(word, Path) or Path(word).exists():
            yield word
        else:
            yield from filter(None, (each.strip() for each in word.split(",")))


def _key(word: str | Path) -> str:
    """`VTM`, `cheng2020-attn` -> `vtm`, `cheng2020_attn`."""
    return str(word).lower().replace("-", "_")


def _unknown(word: str | Path) -> str:
    if Path(word).is_dir():
        return f"{word} is a folder, not a published curve; write the folders of runs before the names of curves."
    key = _key(Path(word).stem if Path(word).suffix == ".json" else word)
    close = [name for name in named() if name.startswith(key)] or get_close_matches(key, named(), cutoff=0.5)
    more = ", …" if len(close) > CLOSE else ""
    like = f"; close to it: {', '.join(close[:CLOSE])}{more}" if close else ""
    return (
        f"there is no file {word} and no published curve of that name{like} "
        "(lic report --list-published lists all names)."
    )
