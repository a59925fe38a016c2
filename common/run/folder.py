"""The folder of one run. The same command always finds the same folder; a kill loses nothing that is in it.

config.yaml         what the run computes, resolved
checkpoints/        last.ckpt, Lightning's, for going on
weights.ckpt        the trained network alone, with the entropy coder's tables
metrics.csv         training curves; tensorboard/ and wandb/ with those loggers
pictures/ streams/  decoded photographs and the real files they came from
bits/               where the bits went; attention/, refinement/: what the codec's blocks did to the first photographs
flow/ submission/   a flow network's first pairs of every test set, and what benchmark servers take
frames/             what a video codec's parts made of some frames of every clip
images.csv          the records of all photographs; pairs.csv: of all pairs; sequences.csv, frames.csv: of all clips
result.json         there if and only if the run is finished; a function of configuration and data
timing.json         seconds, which differ from run to run
failed.json         why the last attempt stopped, until the next one starts
tracked.json        where W&B shows the run
slurm.json          which job of a cluster works on it, and where that writes its log
"""

import fcntl
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from yaml import YAMLError

from common.errors import LicError
from common.io import write_json, write_text
from common.run.configs import config_text
from common.run.resolvers import ATTEMPT
from common.run.settings import changed

# Folders of what a protocol draws of a photograph, pair or frame, `KIND/NAME.png`; a run has those it gives rise to.
FIGURES = ("bits", "attention", "refinement", "flow", "frames")
# Seconds that a killed run's loader processes may still hold its lock.
LOCK_TIMEOUT = 5.0


class RunFolder:
    """One run's files under `path`."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()
        self.config_file = self.path / "config.yaml"
        self.checkpoint = self.path / "checkpoints" / "last.ckpt"
        self.weights = self.path / "weights.ckpt"
        self.result = self.path / "result.json"
        self.failure = self.path / "failed.json"
        self.job = self.path / "slurm.json"

    @contextmanager
    def lock(self, patience: float = LOCK_TIMEOUT) -> Iterator[None]:
        """Hold the folder for this process; the system lets go of it however the process ends."""
        self.path.mkdir(parents=True, exist_ok=True)
        end = time.monotonic() + patience
        with open(self.path / ".lock", "w") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() > end:
                        message = f"another process is at work in {self.path}; wait for it or stop it."
                        raise LicError(message) from error
                    time.sleep(0.1)
            yield

    def adopt(self, cfg: DictConfig) -> None:
        """Write `cfg` as the run's configuration, or refuse one that differs from what is there.

        That of a finished run stays as it is, settings that it may differ in included.
        """
        new = OmegaConf.to_container(cfg, resolve=True)
        if self.checkpoint.exists() or self.weights.exists() or self.result.exists():
            self.check_same(new)
            if self.result.exists() and self.config_file.exists():
                return
        write_text(self.config_file, OmegaConf.to_yaml(OmegaConf.create(new)))

    def check_same(self, new: Any) -> None:
        """Raises `LicError` if the folder has a configuration, and that of another job than `new` describes."""
        if not self.config_file.exists():
            return
        old = OmegaConf.to_container(self.config())
        self.check_kind(new)
        if different := changed(old, new):
            raise LicError(
                f"{self.path} holds a run made with other settings ({', '.join(different[:5])}); "
                "give this one another name=… or replace the old one with overwrite=true."
            )

    def check_kind(self, new: Any) -> None:
        """Raises `LicError` if something of another kind lies here than what `new` describes: nothing may clear it."""
        if not self.config_file.exists():
            return
        try:
            old = kind(self.config())
        except LicError:  # damaged: nothing is known of it
            return
        if old != kind(new):
            raise LicError(f"{self.path} is the folder of {old}, which stays as it is: choose another hydra.run.dir.")

    def config(self) -> DictConfig:
        if not self.config_file.exists():
            raise LicError(f"{self.path} is no run folder: it has no config.yaml.")
        try:
            cfg = OmegaConf.load(StringIO(config_text(self.config_file)))
        except (YAMLError, UnicodeDecodeError) as error:
            raise LicError(f"{self.config_file} is damaged; give the run's command with overwrite=true.") from error
        if not isinstance(cfg, DictConfig):
            raise LicError(f"{self.config_file} is no configuration of a run.")
        return cfg

    def clear(self) -> None:
        """Forget an earlier run: the next attempt starts at step 0, and is another run to a tracker."""
        if not self.config_file.exists():
            return
        tables = ("metrics.csv", "images.csv", "pairs.csv", "sequences.csv", "frames.csv")
        for name in ("result.json", "timing.json", "failed.json", "tracked.json", "weights.ckpt", *tables):
            (self.path / name).unlink(missing_ok=True)
        for name in ("checkpoints", "pictures", *FIGURES, "streams", "submission", "tensorboard", "wandb"):
            shutil.rmtree(self.path / name, ignore_errors=True)
        attempt = self.path / ATTEMPT
        write_text(attempt, str(int(attempt.read_text()) + 1 if attempt.exists() else 1))

    def finish(self, result: Mapping[str, Any], timing: Mapping[str, Any]) -> None:
        write_json(self.path / "timing.json", timing)
        write_json(self.result, result)
        self.failure.unlink(missing_ok=True)

    def fail(self, reason: str) -> None:
        """Write down why the run is not finished, if it is not. Of several ranks the first has said why."""
        if self.result.exists() or self.failure.exists():
            return
        write_json(self.failure, {"reason": reason})


def kind(config: Any) -> str:
    """What `config` describes."""
    if "warm_start" in config:
        return "a training run"
    return "an evaluation" if "weights" in config and "protocol" in config else "something else"
