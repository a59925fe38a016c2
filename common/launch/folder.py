"""The run folder: one training point, found again by the same command, written so that a kill loses nothing.

config.yaml         what the run computes, resolved
checkpoints/        last.ckpt, Lightning's, for going on
codec.ckpt          the trained network alone, with its coder's tables
metrics.csv         training curves (logger=csv); tensorboard/ or wandb/ with those loggers
pictures/ streams/  decoded photographs and the real files they came from
result.json         there if and only if the run is finished; a function of the configuration alone
timing.json         seconds, which differ from run to run
failed.json         why the last attempt stopped, until the next one starts
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from common.errors import LicError
from common.rd.points import write_json

# Settings that may change between two attempts at the same run: they do not change what it computes.
FREE = ("logger", "runs", "overrides", "overwrite", "callbacks.progress", "trainer.enable_progress_bar", "report")


class RunFolder:
    """One run's files under `path`."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config_file = self.path / "config.yaml"
        self.checkpoint = self.path / "checkpoints" / "last.ckpt"
        self.weights = self.path / "codec.ckpt"
        self.result = self.path / "result.json"
        self.failure = self.path / "failed.json"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for this process; the system lets go of it however the process ends."""
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / ".lock", "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise LicError(f"another process is at work in {self.path}; wait for it or stop it.") from error
            yield

    def adopt(self, cfg: DictConfig) -> None:
        """Write `cfg` as the run's configuration, or refuse one that differs from what is there."""
        new = OmegaConf.to_container(cfg, resolve=True)
        if self.config_file.exists() and (self.checkpoint.exists() or self.result.exists()):
            old = OmegaConf.to_container(OmegaConf.load(self.config_file))
            changed = differing(old, new)
            if changed:
                raise LicError(
                    f"{self.path} holds a run made with other settings ({', '.join(changed[:5])}); "
                    "give this one another name=… or replace the old one with overwrite=true."
                )
        handle, temporary = tempfile.mkstemp(dir=self.path, prefix=".config.")
        os.close(handle)
        OmegaConf.save(OmegaConf.create(new), temporary)  # type: ignore[arg-type]
        os.replace(temporary, self.config_file)

    def config(self) -> DictConfig:
        if not self.config_file.exists():
            raise LicError(f"{self.path} is no run folder: it has no config.yaml.")
        return OmegaConf.load(self.config_file)  # type: ignore[return-value]

    def clear(self) -> None:
        """Forget an earlier run: the next attempt starts at step 0."""
        for file in (self.result, self.checkpoint, self.weights, self.failure, self.path / "metrics.csv"):
            file.unlink(missing_ok=True)
        for tracked in ("tensorboard", "wandb"):
            shutil.rmtree(self.path / tracked, ignore_errors=True)

    def finish(self, result: Mapping[str, Any], timing: Mapping[str, Any]) -> None:
        write_json(self.path / "timing.json", timing)
        write_json(self.result, result)
        self.failure.unlink(missing_ok=True)

    def fail(self, reason: str) -> None:
        write_json(self.failure, {"reason": reason})


def flatten(tree: Any, prefix: str = "") -> dict[str, Any]:
    """`{"a": {"b": 1}}` -> `{"a.b": 1}`; lists count as one value."""
    if not isinstance(tree, Mapping):
        return {prefix: tree}
    return {
        name: leaf
        for key, value in tree.items()
        for name, leaf in flatten(value, f"{prefix}.{key}" if prefix else str(key)).items()
    }


def differing(old: Any, new: Any) -> list[str]:
    """Names of the settings that differ, those that may leaving out."""
    a, b = flatten(old), flatten(new)
    keys = [key for key in sorted(a.keys() | b.keys()) if not any(key.startswith(free) for free in FREE)]
    return [key for key in keys if a.get(key) != b.get(key)]
