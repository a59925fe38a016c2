"""Classical intra prediction: a block of 8x8 samples from one line of decoded samples above it and left of it.

    DC, planar, and seven directions, as in H.265 (G. J. Sullivan et al., IEEE TCSVT 2012) but for its filters

Every mode is a linear function of 25 reference samples r, so that one product of matrices gives all modes:

    r[0..7] = left column from the bottom up,  r[8] = corner,  r[9..24] = row above, 8 of it above the next block

Samples that are not there (at the picture's border, or above the next block at its right end) are those nearest to them
that are; without any, they are 0, which is mid-grey. A block of the left column below is never decoded before.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

BLOCK = 8
REFERENCES = 3 * BLOCK + 1
CORNER = BLOCK
# Samples that the direction moves along the row above (or up the left column) for each row (or column) it goes back.
ALONG_ROW = (0.0, 0.5, 1.0, -0.5, -1.0)  # vertical, towards the right, towards the left
ALONG_COLUMN = (0.0, -0.5)  # horizontal, upwards
MODES = ("dc", "planar", *(f"row {s:g}" for s in ALONG_ROW), *(f"column {s:g}" for s in ALONG_COLUMN))
PLANAR = MODES.index("planar")


class Context(NamedTuple):
    """What is decoded around n blocks, samples around 0; what is not there is 0.

    `above` holds 8 rows of the blocks above left, above, and above the next one; `known` masks tell what is there.
    """

    above: Tensor  # (n, 3, 8, 24)
    left: Tensor  # (n, 3, 8, 8)
    above_known: Tensor  # float (n, 1, 8, 24)
    left_known: Tensor  # float (n, 1, 8, 8)


def references(context: Context) -> Tensor:
    """r, (n, 3, 25)."""
    up, right, left = (known[:, :, 0, 0, None] > 0 for known in _blocks(context))
    column, row = context.left[..., -1], context.above[:, :, -1]  # from the top down; corner, above, above the next
    corner, above, beyond = row[..., BLOCK - 1 : BLOCK], row[..., BLOCK : 2 * BLOCK], row[..., 2 * BLOCK :]
    filled_above = torch.where(up, above, torch.where(left, column[..., :1], 0.0).expand_as(above))
    filled_column = torch.where(left, column, torch.where(up, above[..., :1], 0.0).expand_as(column))
    corner = torch.where(up & left, corner, torch.where(up, filled_above[..., :1], filled_column[..., :1]))
    beyond = torch.where(right, beyond, filled_above[..., -1:])
    return torch.cat([filled_column.flip(-1), corner, filled_above, beyond], -1)


def _blocks(context: Context) -> tuple[Tensor, Tensor, Tensor]:
    """The masks of the blocks above, above the next one, and left."""
    return context.above_known[..., BLOCK:], context.above_known[..., 2 * BLOCK :], context.left_known


def mode_matrix() -> Tensor:
    """(K, 64, 25) float32: the prediction of each of `MODES`, row by row of the block, from r."""
    matrix = np.zeros((len(MODES), BLOCK, BLOCK, REFERENCES))
    matrix[0, ..., : 2 * BLOCK + 1] = 1 / (2 * BLOCK)
    matrix[0, ..., CORNER] = 0
    for i, j in np.ndindex(BLOCK, BLOCK):
        for reference, weight in (
            (_left(i), BLOCK - 1 - j), (_above(BLOCK), j + 1), (_above(j), BLOCK - 1 - i), (_left(BLOCK - 1), i + 1),
        ):  # fmt: skip
            matrix[PLANAR, i, j, reference] += weight / (2 * BLOCK)
        for k, slope in enumerate(ALONG_ROW):
            _interpolate(matrix[PLANAR + 1 + k, i, j], _reached(i, j, slope))
        for k, slope in enumerate(ALONG_COLUMN):  # the same with rows and columns exchanged
            _interpolate(matrix[PLANAR + 1 + len(ALONG_ROW) + k, i, j], 2 * CORNER - _reached(j, i, slope))
    return torch.from_numpy(matrix.reshape(len(MODES), -1, REFERENCES)).float()


def _left(row: int) -> int:
    return BLOCK - 1 - row


def _above(column: int) -> int:
    return BLOCK + 1 + column


def _reached(i: int, j: int, slope: float) -> float:
    """The place in r where the line through (i, j) meets the row above, or the column that continues it."""
    column = j + slope * (i + 1)
    if column >= -1:
        return _above(0) + column
    return _left(0) - (i - (j + 1) / -slope)


def _interpolate(weights: np.ndarray, place: float) -> None:
    below = int(np.floor(place))
    weights[below] += 1 - (place - below)
    if place > below:
        weights[below + 1] += place - below


def predictions(r: Tensor, matrix: Tensor) -> Tensor:
    """r (n, 3, 25), the modes' matrix (K, 64, 25) -> (n, K, 3, 8, 8)."""
    flat = torch.matmul(r, matrix.flatten(0, 1).T)  # (n, 3, K 64)
    return flat.unflatten(-1, (-1, BLOCK, BLOCK)).transpose(1, 2)


def local_mean(r: Tensor) -> Tensor:
    """What DC predicts, (n, 3, 1, 1)."""
    beside = torch.cat([r[..., :BLOCK], r[..., CORNER + 1 : CORNER + 1 + BLOCK]], -1)
    return beside.mean(-1)[..., None, None]
