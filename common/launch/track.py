"""What a tracker is told beyond training curves: results, reconstructions, bit maps, the sweep's table.

Lightning's loggers write the curves. This module speaks to W&B only; with other loggers the run folder holds it all.
"""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from common.launch.folder import RunFolder

# Larger sets are in the run folder; a tracker is for looking at a few.
MAX_PICTURES = 8


def uses_wandb(cfg: DictConfig) -> bool:
    return bool(cfg.get("logger")) and "wandb" in str(cfg.logger.get("_target_", "")).lower()


def track_result(cfg: DictConfig, folder: RunFolder, result: dict[str, Any]) -> None:
    """Put a finished run's figures and pictures where its training curves are, and close the tracker's run."""
    if not uses_wandb(cfg):
        return
    import wandb

    run = wandb.run or wandb.init(**_identity(cfg.logger), id=cfg.logger.id, job_type="train", resume="allow")
    run.summary.update({key: values[0] for key, values in result["results"].items()})
    columns: list[str | int] = [key for key in result["images"][0] if key != "source"]
    rows = [[image[key] for key in columns] for image in result["images"]]
    logged: dict[str, Any] = {"photographs": wandb.Table(columns=columns, data=rows)}
    for kind in ("pictures", "bits"):
        files = sorted((folder.path / kind).glob("*.png"))[:MAX_PICTURES]
        if files:
            logged[kind] = [wandb.Image(str(file), caption=file.stem) for file in files]
    run.log(logged)
    run.finish()


def track_report(config: DictConfig, report: Any) -> None:
    """One run for the whole sweep, in the same group: its rate-distortion table and figures."""
    if not uses_wandb(config):
        return
    import wandb

    with wandb.init(**_identity(config.logger), name=f"{config.name} report", job_type="report") as run:
        columns: list[str | int] = ["curve", "lmbda", "bpp", "psnr", "ms_ssim"]
        rows = [
            [curve.name, point.lmbda, point.bpp, point.psnr, point.ms_ssim]
            for section in report.sections
            for curve in section.group.curves
            for point in curve.points
        ]
        figures = {Path(file).stem: wandb.Image(str(file)) for file in report.files if file.suffix == ".png"}
        run.log({"rate_distortion": wandb.Table(columns=columns, data=rows), **figures})


def _identity(logger: DictConfig) -> dict[str, Any]:
    """Where the runs of a sweep belong together."""
    settings: dict[str, Any] = OmegaConf.to_container(logger)  # type: ignore[assignment]
    return {
        "project": settings["project"],
        "group": settings.get("group"),
        "mode": settings.get("mode"),
        "dir": settings.get("save_dir"),
    }
