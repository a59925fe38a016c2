"""`lic eval`, and the evaluation that ends every training run."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from common.engine.application import hydra_application
from common.engine.outcome import Outcome, attempt, run_job
from common.errors import LicError
from common.run.folder import RunFolder
from common.run.targets import AROUND
from common.run.validate import check_read, check_settings

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger

    from common.results.points import Evaluation

log = logging.getLogger(__name__)

TRAINED = (
    "model",
    "size",
    "system",
    "lmbda",
    "distortion",
    "loss",
    "seed",
)  # what an evaluation has from the run that it measures


def evaluate_run(folder: RunFolder, loggers: "Sequence[Logger]") -> None:
    """Measure the trained run in `folder` by its own protocol on its own test set and finish it."""
    cfg = folder.config()
    evaluate(cfg, folder.weights, folder, loggers)


def evaluate(cfg: DictConfig, weights: Path | None, folder: RunFolder, loggers: "Sequence[Logger]") -> None:
    """Measure the network that `cfg` describes, tell `loggers`, and write result.json and timing.json into `folder`."""
    from omegaconf import OmegaConf

    from common.results.points import results
    from common.run.targets import instantiate_harmless, network_of
    from common.run.weights import load_weights, network_name
    from common.tracking.tracker import track_result

    loss = cfg.model.get("distortion")
    own = {"distortion": loss} if OmegaConf.is_config(loss) else {}  # what PSNR and MS-SSIM do not tell
    data, protocol = instantiate_harmless(cfg.data), instantiate_harmless(cfg.protocol, **own)
    check_kind(protocol, data)
    data.check()
    network = network_of(cfg, network_name(cfg.model))
    if weights is not None:
        load_weights(network, weights, cfg)
    network.to(device(cfg))
    measured: Evaluation = protocol(network, cfg.system, data, folder.path)
    result = {
        "name": cfg.label,
        "description": cfg.system if cfg.lmbda is None else f"{cfg.system}, lambda {cfg.lmbda:g} ({cfg.distortion})",
        "results": results(measured.points),
        "protocol": cfg.protocol.name,
        "dataset": data.identity(),
        "curve": cfg.label,
        "system": cfg.system,
        "lmbda": cfg.lmbda,
        "seed": cfg.seed,
        **({"row": cfg.row} if cfg.get("study") else {}),
        "parameters": sum(p.numel() for p in network.parameters()),
        **measured.details,
    }
    track_result(loggers, cfg, folder, result, weights)  # first: a finished run is not looked at again
    folder.finish(result, measured.timing)
    for point in measured.points:
        log.info("%s: %s", folder.path, ", ".join(f"{k} {v:.4f}" for k, v in point.items() if v is not None))


def check_kind(protocol: Any, data: Any) -> None:
    """Raises ``LicError`` where a protocol of one kind, such as of clips, is to measure on packaged data of another."""
    wanted = get_type_hints(protocol.__call__).get("data", object)
    rooms = [source.__module__.split(".")[0] for source in (wanted, type(data))]
    if rooms[0] != rooms[1] and all(room.startswith("lic_") for room in rooms):
        kind, given = (room.removeprefix("lic_") for room in rooms)
        raise LicError(
            f"{protocol.name} is a protocol for data={kind}/…, and what is given is of data={given}/…; choose data of "
            "its kind."
        )


def check_protocol(protocol: Any, codec: Any, model: str) -> None:
    """Raises ``LicError`` where a protocol that says so cannot measure the network, named `model`."""
    if check := getattr(protocol, "check_codec", None):
        check(codec, model)


def device(cfg: DictConfig) -> str:
    """Where a network is measured: on the GPU that trained it, else on the CPU."""
    return "cuda" if cfg.trainer.accelerator in ("gpu", "cuda") else "cpu"


def run(cfg: DictConfig, folder: RunFolder) -> None:
    """Measure what `cfg` names; the result goes to `folder`."""
    from omegaconf import OmegaConf, open_dict

    from common.cpus import use_threads
    from common.run.weights import weights_file
    from common.tracking.loggers import tracking

    check_read(cfg, "eval")
    folder.check_kind(cfg)
    with attempt(folder):
        if (cfg.run is None) == (cfg.weights is None):
            raise LicError("give what to evaluate: run=FOLDER of a finished run, or model=… and weights=FILE.")
        if cfg.run is not None:
            trained = RunFolder(cfg.run).config()
            if vain := overrides(*TRAINED, "label", "quantiser", *AROUND):
                raise LicError(f"{vain[0]} has no effect beside run=: the network and its name are that run's.")
            with open_dict(cfg):
                for key in TRAINED:
                    cfg[key] = trained.get(key)
                if cfg.study is None:  # else the evaluation is a row of a study of its own
                    for key in ("study", "row", "label"):
                        cfg[key] = trained.get(key)  # runs from before there were studies lack the first two
                if trained.protocol._target_ != cfg.protocol._target_:  # of another kind than the default's
                    if wrong := overrides("protocol"):
                        raise LicError(f"{wrong[0]} does not measure what {cfg.run} has learned: leave it out.")
                    own = cfg.protocol.get("metrics")
                    cfg.protocol = trained.protocol
                    if overrides("metric"):
                        cfg.protocol.metrics = own
                data = overrides("data")
                if trained.data._target_ != cfg.data._target_ and not any(each.startswith("data=") for each in data):
                    if data:
                        raise LicError(f"{data[0]} needs data=GROUP/NAME beside it, of the kind that {cfg.run} takes.")
                    cfg.data = trained.data
        if OmegaConf.is_missing(cfg.data, "train"):
            cfg.data.train = None  # an evaluation needs none
        if missing := OmegaConf.missing_keys(cfg):
            raise LicError(f"say what {' and '.join(sorted(missing))} is to be (key=value).")
        check_settings(cfg)
        weights = weights_file(cfg.run if cfg.run is not None else cfg.weights)
        if not cfg.overwrite:
            folder.check_same(OmegaConf.to_container(cfg, resolve=True))
        folder.clear()  # earlier figures must not stand for this attempt
        folder.adopt(cfg)
        use_threads()
        with tracking(cfg) as loggers:
            evaluate(cfg, weights, folder, loggers)


def overrides(*keys: str) -> list[str]:
    """What was typed for the settings and groups `keys` and what is below them."""
    return [each for each in HydraConfig.get().overrides.task if re.split("[./@=]", each.lstrip("+~"))[0] in keys]


def point(cfg: DictConfig) -> Outcome:
    """One evaluation as Hydra calls it."""
    folder = RunFolder(HydraConfig.get().runtime.output_dir)
    return run_job(lambda: run(cfg, folder), folder.path)


def main(argv: Sequence[str]) -> int:
    """Run Hydra on `argv`; 0 when all was measured, 1 when something failed, 2 for bad input."""
    return hydra_application(point, "eval", argv)
