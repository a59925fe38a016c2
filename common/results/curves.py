"""Rate-distortion points and curves, read from the files that runs, baselines and CompressAI leave.

CompressAI's layout is `{"name", "description", "results": {"bpp": […], "psnr-rgb": […], "ms-ssim-rgb": […],
…}}`, lists of equal length, MS-SSIM linear (its curves read off papers have "ms-ssim-db-rgb" in dB instead,
and may lack PSNR). Ours adds top-level keys:

- a run's `result.json`: "protocol", "dataset", "curve" (the label under which a sweep's points join),
  "lmbda", "seed", and "images" or, of a video codec, "conditions" and "sequences"; of a network of many rates it has
  several points, told apart by "quality"; beside it `timing.json` may lie,
  apart because `result.json` is reproducible to the bit;
- a baseline's `NAME.baseline.json`: "kind": "baseline", "protocol", "dataset", likewise.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from common.data.naming import picture_name
from common.errors import LicError
from common.results.measures import STANDARD, Measure, own_measures
from common.results.origin import Origin
from common.results.points import decibel, plain
from common.results.record import Modality, Part, Record, read_record

Kind = Literal["run", "baseline", "published"]
Metric = str  # "psnr-rgb", "ms-ssim-rgb", or the key of a measure of one's own
SETTINGS = ("lmbda", "quality", "qp", "crf")
METRICS: tuple[Metric, ...] = tuple(measure.key for measure in STANDARD)


@dataclass(frozen=True)
class Point:
    """One rate-distortion point.

    Attributes:
        bpp: bits per pixel.
        psnr: dB over RGB, or None where a file does not say (or it is infinite).
        ms_ssim: 0 to 1, or None.
        extra: what else is known: bpp_estimated, encoding_time and decoding_time (s per image), lmbda,
            quality, qp, …
        source: the file the point was read from.
        own: measures of one's own among `extra`, by key.
        of_seeds: of a mean over several seeds, the points that it is the mean of (`common.results.seeds`).
    """

    bpp: float
    psnr: float | None
    ms_ssim: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    source: Path | None = None
    own: Mapping[str, Measure] = field(default_factory=dict)
    of_seeds: tuple["Point", ...] = ()

    @property
    def record(self) -> Record | None:
        """The file that the point was read from."""
        return read_record(self.source) if self.source else None

    def parts(self, kind: Modality) -> list[Part]:
        """The photographs or clips that the point is the mean of; none where it is of another kind.

        Of several seeds they are those of the first.
        """
        record = self.record
        return record.at(self.extra.get("quality")) if record and record.kind is kind else []

    def picture(self, part: Part, kind: str = "pictures") -> Path | None:
        """Where a run has left the photograph `part` of this point, decoded, or what else `kind` names."""
        return None if self.source is None else self.source.parent / kind / f"{picture_name(part.record)}.png"

    @property
    def lossless(self) -> bool:
        """Whether every picture came back unchanged, by its largest error or MS-SSIM: PSNR is infinite, hence None."""
        return self.psnr is None and (self.extra.get("max_error") == 0 or self.ms_ssim == 1)

    @property
    def setting(self) -> str:
        """λ or the quality at which the point was made, empty where it is not said."""
        value = self.extra.get(self.setting_key)
        return "" if value is None else f"{value:g}" if isinstance(value, (int, float)) else str(value)

    @property
    def setting_key(self) -> str:
        """Which of SETTINGS it was made at."""
        return next((key for key in SETTINGS if self.extra.get(key) is not None), "")

    def quality(self, metric: Metric) -> float | None:
        """PSNR or MS-SSIM in dB, or a measure of one's own, turned so that more is better."""
        if metric == "psnr-rgb":
            return self.psnr
        if metric == "ms-ssim-rgb":
            return None if self.ms_ssim is None else decibel(self.ms_ssim)
        value = self.extra.get(metric) if metric in self.own else None
        return self.own[metric].sign * value if isinstance(value, (int, float)) else None


@dataclass(frozen=True)
class Curve:
    """Points of one codec, by rising bpp, measured with one protocol on one data set (None: not said).

    `note` is what tables say of it below; `origin` tells where a published curve of the package comes from.
    """

    name: str
    kind: Kind
    points: tuple[Point, ...]
    protocol: str | None = None
    dataset: str | None = None
    description: str = ""
    source: Path | None = None
    note: str = ""
    origin: Origin | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", tuple(sorted(self.points, key=lambda point: point.bpp)))

    def to_json(self) -> dict[str, Any]:
        """The curve in CompressAI's layout, with kind, protocol and dataset beside it."""
        columns: dict[str, list[Any]] = {"bpp": [point.bpp for point in self.points]}
        columns["psnr-rgb"] = [point.psnr for point in self.points]
        columns["ms-ssim-rgb"] = [point.ms_ssim for point in self.points]
        for key in dict.fromkeys(key for point in self.points for key in point.extra):
            columns[key] = [point.extra.get(key) for point in self.points]
        known = {key: values for key, values in columns.items() if any(value is not None for value in values)}
        head = {"name": self.name, "description": self.description, "kind": self.kind}
        if self.origin:
            head |= {"source": self.origin.source, "licence": self.origin.licence, "paper": self.origin.paper}
        own = {key: {**each._asdict()} for point in self.points for key, each in point.own.items()}
        said = {"protocol": self.protocol, "dataset": self.dataset, **({"metrics": own} if own else {})}
        return head | said | {"results": known}


class Group(NamedTuple):
    """Curves that may share a table: one protocol, one set of pictures or clips."""

    protocol: str | None
    dataset: str | None
    curves: tuple[Curve, ...]

    @property
    def measures(self) -> tuple[Measure, ...]:
        """PSNR, MS-SSIM, and what of one's own some curve has."""
        return (*STANDARD, *own_of(self.curves))

    def of_kind(self, *kinds: Kind) -> list[Curve]:
        return [curve for curve in self.curves if curve.kind in kinds]


def own_of(curves: Sequence[Curve]) -> list[Measure]:
    """Measures of one's own that some curve has."""
    return list({key: each for c in curves for point in c.points for key, each in point.own.items()}.values())


def load(path: Path) -> Curve:
    """Read a file in CompressAI's layout: ours or theirs.

    The kind is "baseline" where the file says so, "run" where it has our "protocol", else "published".

    Raises:
        LicError: the file is missing, not JSON, lacks keys, or its lists differ in length or hold no numbers.
    """
    return curve_of(read_record(path).content, path)


def curve_of(data: Any, path: Path) -> Curve:
    """The curve in `data`, which `path` holds; see `load`."""
    results = data.get("results") if isinstance(data, dict) else None
    if not isinstance(results, dict):
        raise LicError(
            f'{path} has no "results": expected CompressAI\'s layout, {{"name", "results": {{"bpp": […]}}}}.'
        )
    columns = {str(key): values for key, values in results.items() if isinstance(values, list)}
    bpp = columns.get("bpp")
    if not bpp:
        raise LicError(f'{path} has no list "bpp" in its "results", so it has no rate-distortion points.')
    uneven = [f'"{key}" has {len(values)}' for key, values in columns.items() if len(values) != len(bpp)]
    if uneven:
        raise LicError(f'{path}: "bpp" has {len(bpp)} entries but {", ".join(uneven)}; lists must be of equal length.')
    if not {"psnr-rgb", "ms-ssim-rgb", "ms-ssim-db-rgb"} & columns.keys():
        raise LicError(f'{path} has neither "psnr-rgb" nor "ms-ssim-rgb" in its "results".')
    _check_numbers(path, columns)

    shared = {key: data[key] for key in ("lmbda", "seed") if data.get(key) is not None}
    if "quality" in columns:  # of a network of many rates: λ is not what tells its points apart
        shared.pop("lmbda", None)
    rows = [{key: values[i] for key, values in columns.items()} for i in range(len(bpp))]
    kind: Kind = "baseline" if data.get("kind") == "baseline" else "run" if "protocol" in data else "published"
    return Curve(
        name=plain(data.get("curve") or data.get("name") or "") or plain(path.stem),
        kind=kind,
        points=tuple(_point(shared | row, path, own_measures(data)) for row in rows),
        protocol=data.get("protocol"),
        dataset=data.get("dataset"),
        description=str(data.get("description") or ""),
        source=path,
    )


def _point(row: dict[str, Any], path: Path, own: Mapping[str, Measure]) -> Point:
    ms_ssim, in_db = row.pop("ms-ssim-rgb", None), row.pop("ms-ssim-db-rgb", None)
    if ms_ssim is None and in_db is not None:
        ms_ssim = 1 - 10 ** (-in_db / 10)
    extra = {key: value for key, value in row.items() if key not in ("bpp", "psnr-rgb") and value is not None}
    return Point(row["bpp"], row.get("psnr-rgb"), ms_ssim, extra, path, own)


def _check_numbers(path: Path, columns: Mapping[str, list[Any]]) -> None:
    for key in ("bpp", "psnr-rgb", "ms-ssim-rgb", "ms-ssim-db-rgb"):
        for value in columns.get(key, []):
            if value is None and key != "bpp":
                continue
            if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
                raise LicError(f'{path}: "{key}" holds {value!r} where a number is expected.')
            if key == "bpp" and value < 0:
                raise LicError(f'{path}: "bpp" holds {value!r}; bits per pixel are not negative.')
            if key == "ms-ssim-rgb" and value > 1:
                raise LicError(f'{path}: "ms-ssim-rgb" holds {value!r}, but is 1 at most; dB go in "ms-ssim-db-rgb".')
