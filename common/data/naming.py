"""Names by which results call files: of photographs, the same in an evaluation, a bench and a report.

A name is the stem of its file where no other file has that stem: `kodim01`. Where files share it, what tells them apart
is put around it: the folders that differ (`x-1`, `y-1` of `x/a/1.png` and `y/a/1.png`), then the suffix (`1-png`,
`1-jpg`), at last a number.
"""

import hashlib
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from common.data.image_io import SUFFIXES

LONGEST = 150  # bytes of a name: most file systems take 255, and suffixes or a temporary name are put around it
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\ud800-\udfff]')


def distinct_names(paths: Sequence[str | Path]) -> list[str]:
    """A name for each path, in their order: a function of the set of paths, whatever their order is.

    Links to folders count as the folders. Names differ in more than upper and lower case, can be written on any common
    file system, do not end in a picture's suffix, and take at most `LONGEST` bytes in UTF-8.
    """
    places = [located(path) for path in paths]
    order = sorted(range(len(places)), key=lambda i: os.fsencode(places[i]))
    alike: dict[str, list[int]] = defaultdict(list)
    for i in order:
        alike[_key(safe_name(places[i].stem))].append(i)
    names = [""] * len(places)
    taken: set[str] = set()
    for members in sorted(alike.values(), key=len):  # what is unique keeps its stem
        for i, name in zip(members, _told_apart([places[i] for i in members])):
            names[i] = _free(name, taken)
            taken.add(_key(names[i]))
    return names


def recorded_name(file: str) -> str:
    """The name of a photograph in a result: of files that older versions of a bench wrote, without the suffix."""
    stem, dot, suffix = file.rpartition(".")
    return stem if stem and f"{dot}{suffix.lower()}" in SUFFIXES else file


def safe_name(text: str) -> str:
    """`text` as a file may be called anywhere: what is not UTF-8 read as Latin-1, what is not allowed replaced by `_`.

    So is the dot of a picture's suffix, which would be taken for the file's own. Long texts are cut, and end in a hash
    of the whole.
    """
    content = os.fsencode(text)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    text = _UNSAFE.sub("_", unicodedata.normalize("NFC", text)).strip(" .") or "_"
    if recorded_name(text) != text:
        text = "_".join(text.rsplit(".", 1))
    if len(text.encode()) <= LONGEST - 10:  # room for a number
        return text
    digest = hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
    return f"{text.encode()[: LONGEST - 20].decode(errors='ignore')}-{digest}"


def located(path: str | Path) -> Path:
    """`path` from the root on, links to folders followed; a link to a file keeps its name."""
    path = Path(os.path.abspath(path))
    return Path(os.path.realpath(path.parent), path.name)


def _told_apart(places: Sequence[Path]) -> list[str]:
    """Names of files whose stems are the same; those in one folder by their suffixes."""
    folders = _differing([place.parent.parts[::-1] for place in places])
    names = [safe_name("-".join([*parts, place.stem])) for parts, place in zip(folders, places)]
    keys = [_key(name) for name in names]
    return [
        safe_name(f"{name}-{place.suffix[1:].lower()}") if keys.count(key) > 1 and place.suffix else name
        for name, key, place in zip(names, keys, places)
    ]


def _differing(folders: Sequence[Sequence[str]]) -> list[list[str]]:
    """Of the parts of every folder, innermost first, those that it takes to tell the folders apart, outermost first."""
    kept: list[list[str]] = [[] for _ in folders]
    wanted = len({tuple(map(_key, parts)) for parts in folders})
    for level in range(max(map(len, folders))):
        if len({tuple(map(_key, parts)) for parts in kept}) == wanted:
            break
        here = [parts[level] if level < len(parts) else "" for parts in folders]
        if len(set(map(_key, here))) > 1:
            kept = [[part, *parts] if part.strip("/") else parts for part, parts in zip(here, kept)]
    return kept


def _free(name: str, taken: set[str]) -> str:
    numbered = (name if n == 1 else f"{name}-{n}" for n in count(1))
    return next(each for each in numbered if _key(each) not in taken)


def _key(name: str) -> str:
    """Equal for names that some file system takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", name).casefold())


def picture_name(record: Mapping[str, Any]) -> str:
    """What a run calls its pictures of a photograph; of a network of many rates, with the operating point."""
    name, quality = recorded_name(str(record["file"])), record.get("quality")
    return name if quality is None else f"{name}@{quality:g}"
