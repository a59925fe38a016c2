"""Blocks that are predicted from decoded ones, as many at a time as the dependency allows.

A block needs the four decoded before it: above left, above, above the next one, and left. So all blocks with the same
column + 2·row can be decoded together (`common.entropy.raster.wavefronts` with a radius of 1): w + 2 (h - 1) steps in
place of h w.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from common.entropy.raster import wavefronts
from lic_image.layers.intra_modes import BLOCK, Context


class Group(NamedTuple):
    """Blocks i w + j of a canvas, and where they are in its memory."""

    positions: Tensor  # (n,)
    window: Tensor  # (n 16 24,): of two by three blocks, that on the right below being the next of the block itself
    block: Tensor  # (n 64,)
    above_known: Tensor  # float (n, 1, 8, 24) and
    left_known: Tensor  # (n, 1, 8, 8), as of `Context`


def group(size: tuple[int, int], positions: np.ndarray, device: torch.device) -> Group:
    """The blocks at `positions` (n,) of h x w."""
    w = size[1]
    i, j = np.divmod(positions, w)
    row, column = np.arange(2 * BLOCK)[:, None], np.arange(3 * BLOCK)
    places = (BLOCK * i[:, None, None] + row) * (w + 2) * BLOCK + BLOCK * j[:, None, None] + column
    inside = places[:, BLOCK:, BLOCK : 2 * BLOCK]
    up, before, after = i > 0, j > 0, j < w - 1
    above = np.stack([up & before, up, up & after], 1).repeat(BLOCK, 1)[:, None, None].repeat(BLOCK, 2)
    left = np.broadcast_to(before[:, None, None, None], (len(i), 1, BLOCK, BLOCK))
    indexes = (torch.from_numpy(each.reshape(-1).copy()).to(device) for each in (positions, places, inside))
    return Group(*indexes, *(torch.from_numpy(known.astype(np.float32)).to(device) for known in (above, left)))


@lru_cache(maxsize=4)
def waves(size: tuple[int, int], device: torch.device) -> list[Group]:
    """All blocks of h x w, those together that can be decoded together, in order."""
    order, ends = wavefronts(*size, radius=1)
    return [group(size, positions, device) for positions in np.split(order, ends[:-1])]


@lru_cache(maxsize=4)
def everywhere(size: tuple[int, int], device: torch.device) -> Group:
    """All blocks of h x w in raster order."""
    return group(size, np.arange(size[0] * size[1]), device)


# Of some blocks, whose context (B n, …) is given image by image -> their samples (B n, 3, 8, 8).
Decode = Callable[[Group, Context], Tensor]


class Canvas:
    """Decoded samples of h x w blocks, with a block of zeros above, left and right of them."""

    def __init__(self, batch: int, size: tuple[int, int], like: Tensor) -> None:
        self.size, self._batch = size, batch
        self._padded = like.new_zeros(batch, 3, (size[0] + 1) * BLOCK * (size[1] + 2) * BLOCK)

    @property
    def samples(self) -> Tensor:
        """(B, 3, 8 h, 8 w), a view."""
        return self._padded.unflatten(2, (-1, (self.size[1] + 2) * BLOCK))[:, :, BLOCK:, BLOCK:-BLOCK]

    def context(self, of: Group) -> Context:
        """What is decoded around blocks."""
        window = self._taken(of.window, 2 * BLOCK)
        known = (k.repeat(self._batch, 1, 1, 1) if self._batch > 1 else k for k in (of.above_known, of.left_known))
        return Context(window[:, :, :BLOCK], window[:, :, BLOCK:, :BLOCK], *known)

    def blocks(self, of: Group) -> Tensor:
        """The samples of blocks, (B n, 3, 8, 8)."""
        return self._taken(of.block, BLOCK)

    def put(self, of: Group, samples: Tensor) -> None:
        """Blocks (B n, 3, 8, 8) at their places."""
        by_image = samples.unflatten(0, (self._batch, -1)).transpose(1, 2)
        self._padded[:, :, of.block] = by_image.flatten(2)

    def _taken(self, places: Tensor, rows: int) -> Tensor:
        """(B n, 3, rows, …)."""
        count = len(places) // (rows * (3 * BLOCK if rows > BLOCK else BLOCK))
        return self._padded[:, :, places].unflatten(2, (count, rows, -1)).transpose(1, 2).flatten(0, 1)


def decoded(batch: int, size: tuple[int, int], like: Tensor, decode: Decode) -> Canvas:
    """All of h x w blocks, wave by wave."""
    canvas = Canvas(batch, size, like)
    for wave in waves(size, like.device):
        canvas.put(wave, decode(wave, canvas.context(wave)))
    return canvas
