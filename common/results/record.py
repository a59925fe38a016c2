"""What a result file holds: `result.json` of a run, `NAME.baseline.json` of a classical codec, a published curve.

Every such file has "results", its figures as lists. Beside them stands a list of what was measured:

    kind     list          keys of an entry
    image    "images"      "file", "source", "bpp", "psnr", "ms_ssim"; of a baseline "quality"
    video    "sequences"   "sequence", likewise; "conditions" of the file say GOP and frames
    flow     "pairs"       figures are called SET/FIGURE, and there is no rate
    None     -             a published curve has no parts
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from common.data.naming import recorded_name
from common.io import read_json


class Modality(Enum):
    """What was measured; the value is what one part is called."""

    IMAGE = "photograph"
    VIDEO = "clip"
    FLOW = "pair"


class Part(NamedTuple):
    """One photograph or clip that was coded.

    Attributes:
        name: of its file, or of the clip.
        bpp, psnr, ms_ssim: bits per pixel, dB, 0 to 1; None where not defined.
        record: all that the file says of it.
    """

    name: str
    bpp: float
    psnr: float | None
    ms_ssim: float | None
    record: Mapping[str, Any]


@dataclass(frozen=True)
class Record:
    """One file; `content` is its JSON, to be looked at and not changed."""

    path: Path
    content: Any

    @property
    def kind(self) -> Modality | None:
        content = self.content if isinstance(self.content, dict) else {}
        for kind, key in ((Modality.VIDEO, "sequences"), (Modality.IMAGE, "images")):
            if isinstance(content.get(key), list) and content[key]:
                return kind
        results = content.get("results")
        flow = isinstance(results, dict) and "protocol" in content and all("/" in key for key in results)
        return Modality.FLOW if flow else None

    @property
    def conditions(self) -> Any:
        """GOP, frames and conversion of clips; None of pictures."""
        return self.content.get("conditions") if isinstance(self.content, dict) else None

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The photographs or clips, those left out that lack a name or a rate."""
        if self.kind is Modality.VIDEO:
            return tuple(_parts(self.content["sequences"], "sequence"))
        if self.kind is Modality.IMAGE:
            return tuple(p._replace(name=recorded_name(p.name)) for p in _parts(self.content["images"], "file"))
        return ()

    def at(self, quality: object) -> list[Part]:
        """The parts at one quality of a classical codec; a run has one, None."""
        return [part for part in self.parts if part.record.get("quality") == quality]


def read_record(path: Path) -> Record:
    """The file at `path`, read once as long as it does not change.

    Raises:
        LicError: it cannot be read or is not JSON.
    """
    try:
        stat = path.stat()
    except OSError:
        return Record(path, read_json(path))  # says why
    return _read(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=1024)
def _read(path: Path, _modified: int, _size: int) -> Record:
    return Record(path, read_json(path))


def _parts(records: list[Any], name: str) -> Iterator[Part]:
    for each in records:
        if isinstance(each, dict) and name in each and (bpp := _number(each.get("bpp"))) is not None:
            yield Part(str(each[name]), bpp, _number(each.get("psnr")), _number(each.get("ms_ssim")), each)


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
