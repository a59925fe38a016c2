"""The folders that the benchmark servers take, one flow at a time.

    Sintel      OUT/clean/SCENE/frame0001.flo, OUT/final/SCENE/frame0001.flo; frames from 1, a scene's last has no flow.
                Then `bundler OUT/clean OUT/final flow.lzma`, with the program that comes with the set.
    KITTI 2012  OUT/000000_10.png to 000194_10.png; then `cd OUT && zip flow.zip *.png`
    KITTI 2015  OUT/flow/000000_10.png to 000199_10.png; then `cd OUT && zip -r flow.zip flow`

Sources: the naming that published submissions to Sintel use; the development kits of KITTI 2012, which wants the files
in the archive's root, and of KITTI 2015, which wants them in `flow`. A server takes a set's test pairs, all of them.

Flow is float32 (2, H, W) in pixels at the picture's own size, channel 0 to the right, channel 1 down. It is known
everywhere: the servers have no place for a pixel without a prediction.
"""

import re
import warnings
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from common.data.flow_files import write_flow
from common.errors import LicError

KITTI_LEAST, KITTI_MOST = -512.0, 512 - 1 / 64  # px, what 16 bits hold
_SINTEL_NAME = re.compile(r"(\w+)/frame_(\d{4})")
_KITTI_NAME = re.compile(r"\d{6}_10")


def write_sintel(out: str | Path, name: str, flow: NDArray[np.float32], render: Literal["clean", "final"]) -> Path:
    """Writes the flow of one pair of Sintel, and the folders to it where they are missing.

    Args:
        out: the submission's folder.
        name: of the pair's first picture below the pictures' folder, `ambush_1/frame_0001`, say.

    Returns:
        The file that was written.

    Raises:
        LicError: the name is another, the flow is not finite, or the file cannot be written.
    """
    parts = _SINTEL_NAME.fullmatch(name)
    if not parts:
        raise LicError(f"'{name}' is no first picture of Sintel, which are called as in ambush_1/frame_0001.")
    scene, frame = parts.groups()
    return _write(Path(out, render, scene, f"frame{frame}.flo"), flow)


def write_kitti2012(out: str | Path, name: str, flow: NDArray[np.float32]) -> Path:
    """Writes the flow of one pair of KITTI 2012, in steps of 1/64 px; returns the file that was written.

    Flow beyond what the format holds, -512 to just under 512 px, is clipped, with a warning.

    Args:
        out: the submission's folder; it is created where it is missing.
        name: of the pair's first picture, `000000_10`, say, with or without `.png`.

    Raises:
        LicError: the name is another, the flow is not finite, or the file cannot be written.
    """
    return _write_kitti(Path(out), name, flow)


def write_kitti2015(out: str | Path, name: str, flow: NDArray[np.float32]) -> Path:
    """As `write_kitti2012`, for KITTI 2015."""
    return _write_kitti(Path(out, "flow"), name, flow)


def _write_kitti(folder: Path, name: str, flow: NDArray[np.float32]) -> Path:
    if not _KITTI_NAME.fullmatch(name.removesuffix(".png")):
        raise LicError(f"'{name}' is not the name of a first picture of KITTI, such as 000000_10.png; give it that.")
    path = folder / f"{name.removesuffix('.png')}.png"
    beyond = int(((flow < KITTI_LEAST) | (flow > KITTI_MOST)).any(0).sum())
    if beyond:
        warnings.warn(
            f"{path}: {beyond} of {flow[0].size} pixels have flow beyond the -512 to 512 px that KITTI's format holds "
            "and were clipped.",
            stacklevel=3,
        )
    return _write(path, flow)


def _write(path: Path, flow: NDArray[np.float32]) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LicError(f"{path.parent} cannot be created: {error.strerror or error}.") from error
    write_flow(path, flow)
    return path
