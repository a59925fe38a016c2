"""Sequences to test video codecs on: what the published sets have in common, any folder of clips, and single files."""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, Protocol

from common.data.folders import as_path, natural, pictures_of, walk
from common.data.pictures import SUFFIXES
from common.data.video_files import RAW, Clip
from common.errors import LicError

VIDEOS = (".mp4", ".mkv", ".avi", ".y4m", ".mov", ".webm", ".m4v", ".mpg", *RAW)
_IN_NAME = re.compile(r"(?P<name>.+?)_(?P<width>\d+)x(?P<height>\d+)(?:_(?P<rate>\d+(?:\.\d+)?))?")


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
        """Of the bytes of its file, or of its pictures in their order."""
        files = pictures_of(self.path) if self.path.is_dir() else [self.path]
        return hashlib.blake2b(b"".join(map(_digest, files))).digest()


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


def sequences(root: str | Path) -> list[Sequence]:
    """Every video file below the folder ``root``, and every folder of pictures, in natural order.

    Raw files have their size in their names, and their rate where it is not 25: NAME_352x288.yuv, NAME_352x288_30.yuv.
    A name is the path below ``root`` with - for /, without suffix where that leaves it unique. Where ``root`` holds
    pictures and nothing else, it is the only sequence. Hidden files and folders are skipped.
    """
    root = folder(root, "sequences")
    places = [path for path in videos_below(root) if path.suffix.lower() in VIDEOS]
    places += [path for path in picture_folders(root) if path != root]
    if not places and pictures_of(root):
        places = [root]
    if not places:
        raise LicError(f"{root} holds neither videos ({', '.join(VIDEOS)}) nor folders of pictures; check the path.")
    places.sort(key=lambda path: natural(path.relative_to(root).as_posix()))
    short = Counter(_flat(path, root, suffix=False) for path in places)
    return [_sequence(path, _flat(path, root, suffix=short[_flat(path, root, suffix=False)] > 1)) for path in places]


def find_sequences(paths: Iterable[str | Path]) -> list[Sequence]:
    """``sequences`` of every folder among ``paths``, and the clips that are given as files: each once, in this order.

    Raises ``LicError`` for a missing path, a picture, and two clips of one name, by which results tell them apart.
    """
    found: list[Sequence] = []
    for path in map(Path, paths):
        if not path.exists():
            raise LicError(f"{path} does not exist; check the path to the clips.")
        if path.is_file() and path.suffix.lower() in SUFFIXES:
            raise LicError(f"{path} is a picture; give the folder that holds the frames of its clip.")
        found += [_sequence(path, path.stem)] if path.is_file() else sequences(path)
    clips = {sequence.path.resolve(): sequence for sequence in reversed(found)}
    names: dict[str, Sequence] = {}
    for sequence in reversed(clips.values()):
        other = names.setdefault(sequence.name, sequence)
        if other is not sequence:
            raise LicError(
                f"{other.path} and {sequence.path} are both called {sequence.name}; give one folder that holds both, "
                "or rename one."
            )
    return list(names.values())


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


def _flat(path: Path, root: Path, suffix: bool) -> str:
    parts = path.relative_to(root).parts or (path.resolve().name,)
    return "-".join(parts if suffix or path.is_dir() else (*parts[:-1], path.stem))


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
    if "10bit" in path.stem.lower():
        raise LicError(f"{path} has 10 bits a channel by its name, and lic codes 8; fetch the 8-bit version.")
    rate = Fraction(told["rate"]) if told["rate"] else Fraction(25)
    return Sequence(name, path, (int(told["width"]), int(told["height"])), rate)


def _digest(path: Path) -> bytes:
    total = hashlib.blake2b()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            total.update(piece)
    return total.digest()
