"""The finished runs of ablation studies, found by what their run folders say.

A run of a study has, in the `config.yaml` beside its result.json, `row` (its row in the table) and `study`:

    title: what is compared, and in which table of which paper
    source: where the claims are printed
    reference: the row that the others are compared with
    columns: [AAB, GMB]                 # what the table calls a row by
    claims: {psnr: PSNR, bpp: bpp}      # key in `rows` -> heading
    counted: [motion_codec]             # parts of a codec whose parameters the paper counts; without it, all
    rows:                               # in the paper's order; without `row` where there is no code for it
      - {row: baseline, cells: [no, no], lmbda: 2.41, psnr: 27.23, bpp: 0.201}
    notes: [what to know of the claims]

Claims on a run without a rate are called as its figures are, `claims: {sintel_clean/epe: Sintel clean}`, and there is
no lmbda. For a matrix of BD-rates there is, in place of reference, columns, claims and rows:

    curves: {Ballé: {row: neither}, JPEG: {baseline: JPEG}, Tawfik: {}}   # what each is here
    bd_rate: {Ballé: [0.0, 163.28, 9.63]}   # percent: anchor -> the claim for each curve, in their order, or null
    metric: ms-ssim-rgb                     # of equal quality; without it, psnr-rgb
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from common.results.curves import Curve, Group, Point
from common.results.flow_results import Score, ScoreGroup
from common.results.measures import Measure
from common.results.points import cost
from common.results.seeds import joined, mean_over_seeds
from common.run.configs import read_config
from common.run.study import check_study


class Run(NamedTuple):
    """One finished run: where it stands in a study, and its figures, None where not known.

    Attributes:
        lmbda: None without a rate.
        quality: the operating point, of a run that was measured at several (protocol=image_levels).
        results: of its evaluation: bpp, psnr (dB), ms_ssim_db, cost (see `rd_cost`) and measures of one's own, or every
            SET/FIGURE.
        costs: parameters, gmacs, seconds by name, and of clips bpp_motion.
        point: its rate-distortion point, if it has a rate.
    """

    row: str
    lmbda: float | None
    seed: int
    results: Mapping[str, float | None]
    costs: Mapping[str, float | None]
    point: Point | None = None
    quality: float | None = None

    @property
    def identity(self) -> tuple[object, ...]:
        """The same for a run that was measured twice: by its training and by `lic eval`."""
        return self.row, self.lmbda, self.quality, self.seed, *self.results.items()

    @property
    def figures(self) -> Mapping[str, float | None]:
        return {**self.results, **self.costs}


@dataclass
class Study:
    """The runs that share a table: one study and loss, the same settings but for row, λ and seed (see `_of_systems`).

    Attributes:
        spec: `study` of the runs' configuration.
        settings: what all runs were made with, as labels say it: "tiny trainer.max_steps=4000".
        distortion: what was trained for, "mse", "ms_ssim" or another; None without a rate.
        baselines: classical codecs on the same pictures.
    """

    spec: Mapping[str, Any]
    settings: str
    distortion: str | None
    runs: list[Run] = field(default_factory=list)
    baselines: Sequence[Curve] = ()

    @property
    def title(self) -> str:
        """What is compared, and under which settings."""
        name = {"mse": "MSE", "ms_ssim": "MS-SSIM"}.get(str(self.distortion), self.distortion)
        loss = f"trained for {name}" if name else ""
        said = ", ".join(part for part in (self.settings, loss) if part)
        return f"{self.spec['title']} ({said})" if said else str(self.spec["title"])

    @property
    def sources(self) -> tuple[str, ...]:
        """Notes below the table: whose the claims are, and what to know of them."""
        mark = f"“paper” is the claim of {self.spec['source']}; all else was measured here."
        return (mark, *self.spec.get("notes", ()))

    @property
    def measures(self) -> dict[str, Measure]:
        """Measures of one's own that a run of it has, by key."""
        return {key: measure for run in self.runs if run.point for key, measure in run.point.own.items()}

    def curves(self) -> dict[str, Curve]:
        """Row -> its curve over λ, means over seeds."""
        points: dict[str, list[Point]] = {}
        for run in self.runs:
            if run.point is not None:
                points.setdefault(run.row, []).append(run.point)
        return {row: mean_over_seeds(Curve(row, "run", tuple(found))) for row, found in points.items()}


def find_studies(group: Group | ScoreGroup) -> list[Study]:
    """The studies among the runs of `group`, in the order in which they are met.

    Raises:
        LicError: a run's configuration or its description of the study lacks something.
    """
    runs: Sequence[Point | Score]
    if isinstance(group, ScoreGroup):
        runs, baselines = group.scores, []
    else:
        runs, baselines = [p for curve in group.of_kind("run") for p in joined(curve.points)], group.of_kind("baseline")
    found: dict[tuple[str, ...], list[_Found]] = {}
    published: dict[tuple[str, ...], list[_Found]] = {}
    for measured in runs:
        config = _config(measured.source)
        if not config.get("study") or (config.get("model") or {}).get("objective", "all") != "all":
            continue  # a stage that trains a part only, for the next to start from, is no row
        check_study(config["study"], str(measured.source and measured.source.parent))
        run = _run(measured, config) if isinstance(measured, Point) else _scored(measured, config)
        key = (config["study"]["title"], str(config["distortion"]), _settings(config))
        (published if config.get("weights") else found).setdefault(key, []).append(_Found(config, run))
    for own, each in published.items():  # trained elsewhere: beside whatever settings the others were made with
        for host in [other for other in found if other[:2] == own[:2]] or [own]:
            found.setdefault(host, []).extend(each)
    return [study for key, each in found.items() for study in _of_systems(each, key[2], baselines)]


class _Found(NamedTuple):
    """A run of a study and its configuration."""

    config: Mapping[str, Any]
    run: Run

    @property
    def system(self) -> str:
        return str(self.config["system"])


def _of_systems(found: Sequence[_Found], settings: str, baselines: Sequence[Curve]) -> list[Study]:
    """One study, of rows that each name one system; one for each system, where a row was made with several of them.

    A row that brings a model of its own, which the paper compares with, is in each.
    """
    systems: dict[str, dict[str, None]] = {}
    for each in found:
        systems.setdefault(each.run.row, {})[each.system] = None
    swept = dict.fromkeys(system for names in systems.values() if len(names) > 1 for system in names)
    studies = []
    for system in swept or [""]:
        spec, distortion = found[0].config["study"], found[0].config["distortion"]
        study = Study(spec, f"{system} {settings}".strip(), distortion, baselines=baselines)
        for each in found:
            known = {other.identity for other in study.runs}
            if (not swept or each.system == system or each.system not in swept) and each.run.identity not in known:
                study.runs.append(each.run)
        studies.append(study)
    return studies


def _config(result: Path | None) -> dict[str, Any]:
    return read_config(result.parent) if result else {}


def _settings(config: Mapping[str, Any]) -> str:
    words = str(config["label"]).removeprefix(str(config["system"])).lstrip("_").split()
    return " ".join(word for word in words if word != f"row={config['row']}")


def _run(point: Point, config: Mapping[str, Any]) -> Run:
    result = point.record.content if point.record else {}
    lmbda, quality = float(config["lmbda"]), point.extra.get("quality")
    if quality is not None:  # of several operating points this one
        result = {
            **result,
            "images": [image for image in result.get("images") or [] if image.get("quality") == quality],
        }
    results = {"bpp": point.bpp, "psnr": point.psnr, "ms_ssim_db": point.quality("ms-ssim-rgb")}
    results["cost"] = cost({**result, "lmbda": lmbda}, config["distortion"])
    results |= {key: point.extra.get(key) for key in point.own}
    seconds = {key: point.extra.get(key) for key in ("encoding_time", "decoding_time", "motion_encoding_time")}
    mean = _mean([seconds["encoding_time"], seconds["decoding_time"]])
    seconds["coding_time"] = None if mean is None else 2 * mean
    motion = _mean([clip.get("bpp_motion") for clip in result.get("sequences") or []])
    parameters = _parameters(result, config["study"].get("counted"))
    costs = {"parameters": parameters, "gmacs": result.get("gmacs"), "bpp_motion": motion, **seconds}
    return Run(str(config["row"]), lmbda, int(config["seed"]), results, costs, point, quality)


def _mean(values: Sequence[float | None]) -> float | None:
    """None where there is none, or one is not known."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _parameters(result: Mapping[str, Any], counted: Sequence[str] | None) -> int | None:
    """Those of the parts that are `counted`; None where the result, of before, has no parts."""
    if counted is None:
        return int(result["parameters"])
    parts = result.get("parts")
    return sum(parts.get(part, 0) for part in counted) if parts else None


def _scored(score: Score, config: Mapping[str, Any]) -> Run:
    return Run(str(config["row"]), None, int(config["seed"]), score.results, score.costs)
