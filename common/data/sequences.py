"""Sequences to test video codecs on: what the published sets have in common, any folder of clips, and single files."""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from common.data.folders import as_path, natural, pictures_of, walk
from common.data.image_io import SUFFIXES, missing
from common.data.naming import distinct_names
from common.data.video_files import RAW, Clip
from common.errors import LicError

VIDEOS = (".mp4", ".mkv", ".avi", ".y4m", ".mov", ".webm", ".m4v", ".mpg", *RAW)
# The number behind the size is the rate, but not that of 10bit, 8b, 10le or 420_10bit.
_IN_NAME = re.compile(
    r"(?P<name>.+?)_(?P<width>\d+)x(?P<height>\d+)"
    r"(?:_(?!4(?:20|22|44)p?(?![0-9a-z]))(?P<rate>\d+(?:\.\d+)?)(?![\d.]|[-_ ]?bits?|b(?![a-z])|[lb]e))?",
    re.IGNORECASE,
)


class Sequence(NamedTuple):
    """``name``: in tables, and of files. ``size``: (width, height) of raw frames. The others as for ``Clip``."""

    name: str
    path: Path
    size: tuple[int, int] | None
    rate: Fraction
    conversion: str = "ffmpeg_default"

    def clip(self) -> Clip:
        """Its frames, uint8 RGB (H, W, 3), again from the first each time it is iterated."""
        return Clip(self.path, self.size, self.conversion, self.rate)

    def digest(self) -> bytes:
        """Of the bytes of its file, or of its pictures in their order, and of how they are read."""
        files = pictures_of(self.path) if self.path.is_dir() else [self.path]
        read_as = self.clip().read_as.encode()
        return hashlib.blake2b(b"".join(map(_digest, files)) + read_as).digest()

    def notes(self) -> tuple[str, ...]:
        """A sentence on whatever in it is converted, or left as it is."""
        return Clip(self.path, self.size, self.conversion).notes  # without a rate, so that a variable one is said


class Digested(Protocol):
    """What ``sequences_identity`` asks for."""

    def digest(self) -> bytes: ...


def sequences_identity(name: str, sequences: Iterable[Digested]) -> str:
    """``"NAME N sequences HASH8"``: the same content, in whatever order and under whatever names, has the same hash.

    Reads every byte: a published set of raw files takes a minute or more.
    """
    digests = sorted(sequence.digest() for sequence in sequences)
    fingerprint = hashlib.blake2b(b"".join(digests), digest_size=4).hexdigest()
    return f"{name} {len(digests)} sequence{'' if len(digests) == 1 else 's'} {fingerprint}"


def notes_on(found: Iterable[Any]) -> list[str]:
    """What is to be said of those of ``found`` that are ``Sequence``s, not procedural clips."""
    return [note for sequence in found if isinstance(sequence, Sequence) for note in sequence.notes()]


def check_clips(found: Iterable[Any]) -> None:
    """Decodes every ``Sequence`` of ``found`` once, so that damage is found before work begins.

    Raises ``LicError`` that names those that are damaged, and the first reason.
    """
    clips = list(found)
    broken: list[tuple[str, str]] = []
    for sequence in clips:
        if not isinstance(sequence, Sequence):
            continue
        try:
            sequence.clip().check()
        except LicError as error:
            broken.append((sequence.name, str(error)))
    if broken:
        names = ", ".join(name for name, _ in broken[:3]) + (", ..." if len(broken) > 3 else "")
        raise LicError(
            f"{len(broken)} of the {len(clips)} test clips cannot be read ({names}); repair or remove them, as figures "
            f"of a part of the set are no figures of the set; first: {broken[0][1]}"
        )


def sequences(root: str | Path) -> list[Sequence]:
    """Every video file below the folder ``root``, and every folder of pictures, in natural order.

    Raw files have their size in their names, and their rate where it is not 25: NAME_352x288.yuv, NAME_352x288_30.yuv.
    Names are those of ``distinct_names``. Where ``root`` holds pictures and nothing else, it is the only sequence.
    Hidden files and folders are skipped, links followed.
    """
    places = _places(root)
    return [_sequence(path, name) for path, name in zip(places, distinct_names(places))]


def _places(root: str | Path) -> list[Path]:
    """The video files and folders of pictures that are the sequences of ``root``."""
    root = folder(root, "sequences")
    places = [path for path in videos_below(root) if path.suffix.lower() in VIDEOS]
    places += [path for path in picture_folders(root) if path != root]
    if not places and pictures_of(root):
        places = [root]
    if not places:
        raise LicError(f"{root} holds neither videos ({', '.join(VIDEOS)}) nor folders of pictures; check the path.")
    return _once(sorted(places, key=lambda path: natural(path.relative_to(root).as_posix())))


def _once(paths: Iterable[Path]) -> list[Path]:
    """``paths`` without those that lead to a file or folder that is among them already."""
    found: dict[str, Path] = {}
    for path in paths:
        found.setdefault(os.path.realpath(path), path)
    return list(found.values())


def find_sequences(paths: Iterable[str | Path]) -> list[Sequence]:
    """``sequences`` of every folder among ``paths``, and the clips that are given as files: each once, in this order.

    Raises ``LicError`` for a missing path, and for a picture.
    """
    found: list[Path] = []
    for path in map(as_path, paths):
        if not path.exists():
            raise LicError(f"{missing(path)}; check the path to the clips.")
        if path.is_file() and path.suffix.lower() in SUFFIXES:
            raise LicError(f"{path} is a picture; give the folder that holds the frames of its clip.")
        found += [path] if path.is_file() else _places(path)
    places = _once(found)
    return [_sequence(path, name) for path, name in zip(places, distinct_names(places))]


def named(root: str | Path, of: str, patterns: Mapping[str, str | tuple[str, ...]]) -> list[Sequence]:
    """The raw files below ``root`` for whose names, without .yuv, there are patterns with ``*``; all must be there.

    Size and rate are read from the names. ``of``: what the set is called. Raises ``LicError`` for what is missing, and
    for what is there twice.
    """
    root = folder(root, of)
    files = [path for path in videos_below(root) if path.suffix.lower() == ".yuv"]
    found, missing = [], []
    for name, known in patterns.items():
        known = (known,) if isinstance(known, str) else known
        fitting = [path for path in files if any(fnmatchcase(path.stem, pattern) for pattern in known)]
        if len(fitting) > 1:
            raise LicError(f"{fitting[0]} and {fitting[1]} are both the sequence {name} of {of}; remove one of them.")
        if fitting:
            found.append(_raw(fitting[0], name))
        else:
            missing.append(f"{known[0]}.yuv")
    if missing:
        raise LicError(
            f"{root} lacks {len(missing)} of the {len(patterns)} sequences of {of}, such as {missing[0]}; "
            "unpack the whole set there, or check the path."
        )
    return found


def folder(root: str | Path, of: str) -> Path:
    """``root`` where it is a folder; ``of``: what should be in it, for the ``LicError`` otherwise."""
    root = as_path(root)
    if not os.path.isdir(root):
        raise LicError(f"there is no folder {root}, where {of} should be; give the folder to which it was unpacked.")
    return root


def videos_below(root: Path) -> Iterator[Path]:
    """Every file below ``root``, hidden ones excepted, in natural order."""
    for place, names in walk(root):
        for name in names:
            yield place / name


def picture_folders(root: Path) -> list[Path]:
    """Every folder that has pictures in it, ``root`` and below, in natural order."""
    return [
        place for place, names in walk(root) if any(os.path.splitext(name)[1].lower() in SUFFIXES for name in names)
    ]


def _sequence(path: Path, name: str) -> Sequence:
    if path.suffix.lower() in RAW and path.is_file():
        return _raw(path, name)
    return Sequence(name, path, None, Clip(path).info.rate)


def _raw(path: Path, name: str) -> Sequence:
    told = _IN_NAME.match(path.stem)
    if told is None:
        raise LicError(
            f"{path} holds raw frames, and its name says no size; rename it as in {path.stem}_352x288_30.yuv."
        )
    rate = Fraction(told["rate"]) if told["rate"] else Fraction(25)
    return Sequence(name, path, (int(told["width"]), int(told["height"])), rate)


def _digest(path: Path) -> bytes:
    total = hashlib.blake2b()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            total.update(piece)
    return total.digest()
