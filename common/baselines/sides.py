"""Sides of pictures as encoders want them: even, for 4:2:0, and not too short."""

import numpy as np
from numpy.typing import NDArray

MIN_SIDE = 16  # the least that x265 takes


def coded_side(side: int) -> int:
    """The length that a side of `side` pixels is coded with."""
    return max(MIN_SIDE, side + side % 2)


def padded(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture (H, W, 3) with sides of `coded_side`, by repeating the last pixels."""
    pad = [(0, coded_side(side) - side) for side in rgb.shape[:2]]
    return np.pad(rgb, [*pad, (0, 0)], mode="edge") if np.any(pad) else rgb
