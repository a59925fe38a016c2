"""Checkpoints are written whole: into a file beside the target, flushed to the disk, then renamed.

Lightning writes a checkpoint into the folder for temporary files and moves it. Where that is another file system, as on
most clusters, the move is a copy. A kill or a full disk in the middle then leaves the only checkpoint incomplete.
"""

import contextlib
import re
import shlex
from functools import lru_cache
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from common.errors import FULL, LicError, full_disk
from common.io import written_whole

START_AGAIN = "put an older one in its place, or start again with overwrite=true."


def save_whole(content: dict[str, Any], path: Path) -> None:
    """`torch.save`, whole or not at all; what was at `path` stays where there is no room for the new.

    For files that one process writes: what an earlier one, killed while it wrote, left beside `path` is removed.

    Raises:
        LicError: the file system refuses.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for stump in path.parent.glob(f".{path.name}.*"):
        stump.unlink(missing_ok=True)
    with written_whole(path, durable=True) as beside, beside.open("wb") as file:
        try:
            torch.save(content, file)
            file.flush()
        except (OSError, RuntimeError) as error:
            cause = refusal(error)
            with contextlib.suppress(OSError):
                file.close()  # whose buffer has no room either
            raise (full_disk(path) if cause.errno in FULL else cause) from error


def refusal(error: BaseException) -> OSError:
    """What the file system said: torch's writer raises an error of its own on top. Another error is raised again."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        raise error
    return cause


def load_whole(path: Path, advice: str = START_AGAIN, trusted: bool = False) -> Any:
    """What `save_whole`, or anybody's `torch.save`, wrote, on the CPU; unpickling it runs no code unless `trusted`.

    Raises:
        LicError: it is damaged, and the sentence ends in `advice`; or it holds objects that may run code.
    """
    try:
        with torch.serialization.safe_globals([] if trusted else harmless()):
            return torch.load(path, map_location="cpu", weights_only=not trusted)
    except Exception as error:
        if isinstance(error, UnpicklingError) and (found := re.search(r"GLOBAL (\S+) (?:was|whose)", str(error))):
            name = found[1].replace("__builtin__.", "builtins.")
            raise LicError(
                f"{path} holds {name} beside tensors, which may run code when read: it was not read. If you trust "
                f"whoever made it, convert it: python -m common.run.convert {shlex.quote(str(path))} NEW.ckpt"
            ) from error
        raise LicError(f"{path} is not a readable checkpoint ({type(error).__name__}): {advice}") from error


@lru_cache(maxsize=1)
def harmless() -> list[Any]:
    """What checkpoints of training scripts hold beside tensors, none of which does more than hold values."""
    import argparse
    import pathlib
    from collections import defaultdict

    import numpy as np
    from numpy.core.multiarray import _reconstruct, scalar  # type: ignore[attr-defined]
    from omegaconf import DictConfig, ListConfig
    from omegaconf.base import ContainerMetadata, Metadata
    from omegaconf.nodes import AnyNode

    arrays = [
        (f, f"numpy.{core}.multiarray.{f.__name__}") for f in (_reconstruct, scalar) for core in ("core", "_core")
    ]
    dtypes = [type(np.dtype(code)) for code in "?bBhHiIlLqQefdSU"]
    paths = [pathlib.PosixPath, pathlib.PurePosixPath]
    settings = [
        DictConfig,
        ListConfig,
        ContainerMetadata,
        Metadata,
        AnyNode,
        (Any, "typing.Any"),
        defaultdict,
        dict,
        list,
        int,
        str,
        float,
    ]
    return [*arrays, np.ndarray, np.dtype, *dtypes, *paths, *settings, argparse.Namespace]


def never_averaged(checkpoint: dict[str, Any]) -> bool:
    """Whether `checkpoint` is of a run with a moving average that had not begun, which once held the start as such."""
    begun = checkpoint.get("averaging_state", {}).get("n_averaged")
    return begun is not None and int(begun) == 0 and "current_model_state" in checkpoint
