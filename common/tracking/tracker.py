"""What trackers are told beyond training curves: results, what was drawn, the sweep's tables.

Lightning's loggers write the curves (`common.tracking.loggers` opens and closes them). Without a tracker the run folder
holds it all.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from common.data.naming import picture_name
from common.io import write_json
from common.results.points import cost
from common.run.configs import TRACKED
from common.run.folder import FIGURES, RunFolder
from common.run.resolvers import run_id
from common.run.settings import flatten
from common.tracking.loggers import KEEP, reporting, wandb_settings

if TYPE_CHECKING:  # a sweep whose points are all finished needs no Lightning
    from lightning.pytorch.loggers import Logger, TensorBoardLogger

    from common.report.tables import Table
    from common.report.writer import Report

# Larger sets are in the run folder; a tracker is for looking at a few.
MAX_PICTURES = 8


def track_configuration(loggers: "Sequence[Logger]", cfg: DictConfig, parameters: int) -> None:
    """Make a run searchable by every setting (`model/codec/N`) and by its number of parameters."""
    for logger in loggers:
        logger.log_hyperparams(_settings(cfg, parameters))


def track_result(
    loggers: "Sequence[Logger]",
    cfg: DictConfig,
    folder: RunFolder,
    result: dict[str, Any],
    weights: Path | None = None,
) -> None:
    """Put a run's figures (`test/bpp`, `test/SET/epe`, …) and pictures where its training curves are.

    Args:
        weights: what was measured, to be kept as an artifact where that is wanted.
    """
    from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger

    _keep_address(folder)
    figures = dict(_figures(result["results"]))
    if (lagrangian := cost(result, cfg.distortion)) is not None:
        figures["test/cost"] = lagrangian
    settings = _settings(cfg, result["parameters"])
    step = cfg.trainer.max_steps
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            logger.log_hyperparams(settings)
            pictures = _photographs(folder, result["images"]) if result.get("images") else _panels(folder, result)
            logger.log_metrics({**figures, **pictures, **_clips(result)}, step)
            own = wandb_settings(cfg)
            if own is not None and own.get(KEEP) and weights is not None:
                _keep_weights(logger, folder, weights, figures)
        elif isinstance(logger, TensorBoardLogger):
            logger.log_hyperparams(settings, figures, step)
            _draw(logger, folder, result, step)


def _figures(results: Mapping[str, Sequence[Any]]) -> Iterator[tuple[str, Any]]:
    """`test/psnr-rgb`, or of a network of many rates `test/psnr-rgb@QUALITY`."""
    qualities = results.get("quality")
    for key, values in results.items():
        for place, value in enumerate(values):
            if value is not None and key != "quality":
                yield f"test/{key}@{qualities[place]:g}" if qualities else f"test/{key}", value


def track_report(config: DictConfig, report: "Report") -> None:
    """One W&B run for the whole sweep, in the same group: its points and scores, its studies and figures."""
    settings = wandb_settings(config)
    if settings is None:
        return
    import wandb

    from common.report.sections import ScoreSection, Section
    from common.results.curves import own_of

    identity = {
        "id": run_id(report.folder),
        "name": report.folder.name,
        "save_dir": str(report.folder.resolve()),  # the SDK's own process has its own current folder
        "job_type": "report",
        "tags": sorted({section.group.protocol for section in report.sections if section.group.protocol}),
    }
    rated = [section for section in report.sections if isinstance(section, Section)]
    own = [each.key for each in own_of([curve for section in rated for curve in section.group.curves])]
    rows = [
        [
            *(curve.name, curve.kind, point.extra.get("lmbda"), point.bpp, point.psnr, point.ms_ssim),
            *(point.extra.get(key) for key in own),
        ]
        for section in rated
        for curve in section.group.curves
        for point in curve.points
    ]
    columns: list[str | int] = ["curve", "kind", "lmbda", "bpp", "psnr", "ms_ssim", *own]
    points = {"rate_distortion": wandb.Table(columns=columns, data=rows)} if rows else {}
    studies = _tables("study", [study for section in report.sections for study in section.studies])
    scores = _tables("scores", [section.scores for section in report.sections if isinstance(section, ScoreSection)])
    clips = _tables("sequences", [table for section in rated for table in section.sequences])
    figures = {file.stem: wandb.Image(str(file)) for file in report.files if file.suffix == ".png"}
    with reporting(settings, **identity) as logger:
        run: Any = logger.experiment  # type: ignore[attr-defined]
        run.log({**points, **scores, **clips, **studies, **figures})


def _tables(name: str, tables: "list[Table]") -> dict[str, Any]:
    """W&B's tables NAME, NAME-2, …."""
    import wandb

    shown = [wandb.Table(columns=[*table.columns], data=table.rows) for table in tables]
    return {f"{name}-{n}" if n > 1 else name: table for n, table in enumerate(shown, 1)}


def _keep_address(folder: RunFolder) -> None:
    """Write down where W&B shows the run, for the report's links; offline it is nowhere."""
    wandb = sys.modules.get("wandb")
    if wandb is not None and wandb.run is not None and wandb.run.url:
        write_json(folder.path / TRACKED, {"wandb": wandb.run.url})


def _keep_weights(logger: Any, folder: RunFolder, weights: Path, figures: dict[str, Any]) -> None:
    """Where it is downloaded is a run folder to go on with: `weights=`, `parts`, `--checkpoint` take it."""
    import wandb

    artifact = wandb.Artifact(f"model-{logger.experiment.id}", "model", metadata=figures)
    artifact.add_file(str(weights), name=folder.weights.name)
    artifact.add_file(str(folder.config_file))
    logger.experiment.log_artifact(artifact)


def _settings(cfg: DictConfig, parameters: int) -> dict[str, Any]:
    """Flat, with slashes: W&B takes a dot in a name for a step into a nested value when it searches."""
    content = flatten(OmegaConf.to_container(cfg, resolve=True))
    said = ("logger.", "study.")  # who listens, and what a paper claims
    kept = {key.replace(".", "/"): value for key, value in content.items() if not key.startswith(said)}
    return {**kept, "parameters": parameters}


def _pictures(folder: RunFolder, image: Mapping[str, Any]) -> dict[str, Path]:
    """What the protocol has drawn of a photograph: its reconstruction, where the bits went, what blocks did."""
    name = picture_name(image)
    kinds = {"reconstruction": "pictures", **{kind: kind for kind in FIGURES}}
    files = {kind: folder.path / place / f"{name}.png" for kind, place in kinds.items()}
    return {kind: file for kind, file in files.items() if file.exists()}


def _photographs(folder: RunFolder, images: list[dict[str, Any]]) -> dict[str, Any]:
    """W&B's table of all photographs, the first few with pictures, and those pictures as panels.

    A panel each: W&B scales the pictures of one panel to one size, and over several runs it sets side by side what
    has the same name.
    """
    import wandb

    from common.data.image_io import read_picture

    columns = [key for key in images[0] if key != "source"]
    drawn = ["original", "reconstruction", "bits"]
    panels: dict[str, Any] = {}
    rows: list[list[Any]] = []
    for image in images:
        shown: dict[str, Any] = {}
        if len(rows) < MAX_PICTURES and (files := _pictures(folder, image)):
            quality = "lossless" if image["psnr"] is None else f"{image['psnr']:.2f} dB"
            caption = f"{picture_name(image)}: {image['bpp']:.3f} bpp, {quality}"
            shown = {kind: wandb.Image(str(file), caption=caption) for kind, file in files.items()}
            panels |= {f"{kind}/{picture_name(image)}": picture for kind, picture in shown.items()}
            shown["original"] = wandb.Image(read_picture(Path(image["source"]), background="white").rgb)
        rows.append([*(image[key] for key in columns), *(shown.get(kind) for kind in drawn)])
    return {"photographs": wandb.Table(columns=[*columns, *drawn], data=rows), **panels}


def _clips(result: dict[str, Any]) -> dict[str, Any]:
    """W&B's table of all clips."""
    import wandb

    records = result.get("sequences")
    rows = [list(record.values()) for record in records or []]
    return {"sequences": wandb.Table(columns=[*records[0]], data=rows)} if records else {}


def _sheets(folder: RunFolder, result: dict[str, Any]) -> dict[str, Path]:
    """`flow/NAME` -> what was drawn of a few pairs of every test set; `frames/NAME`: of a few frames of every clip."""
    from common.report.figures.sheets import frame_sheets, mixed, pair_sheets

    clips = [record["sequence"] for record in result.get("sequences", [])]
    found = frame_sheets(folder.path, clips) if clips else pair_sheets(folder.path, result["dataset"])
    return {f"{file.parent.name}/{file.stem}": file for file in mixed(found)[:MAX_PICTURES]}


def _panels(folder: RunFolder, result: dict[str, Any]) -> dict[str, Any]:
    """W&B's panels of pairs or frames."""
    import wandb

    return {name: wandb.Image(str(file), caption=file.stem) for name, file in _sheets(folder, result).items()}


def _draw(logger: "TensorBoardLogger", folder: RunFolder, result: dict[str, Any], step: int) -> None:
    from common.data.image_io import read_picture

    images = result.get("images", [])[:MAX_PICTURES]
    shown = {f"{kind}/{picture_name(each)}": file for each in images for kind, file in _pictures(folder, each).items()}
    for tag, file in (shown or _sheets(folder, result)).items():
        logger.experiment.add_image(tag, read_picture(file).rgb, step, dataformats="HWC")
