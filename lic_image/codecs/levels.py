"""What codecs share that code a picture in levels: every level refines those before it.

Three methods say it all (`common.capabilities.CodesInLevels`): `compress_levels` writes the streams of one level after
the other, `decompress_levels` reads the first so many, and `forward_levels` tells what each decodes to. CompressAI's
`compress` and `decompress` are those of all levels, whose streams follow one another.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from compressai.models import CompressionModel
from torch import Tensor

from common.errors import LicError, StreamError


class LevelCodec(CompressionModel):
    """To be given the three methods.

    Args:
        levels: their number, 1 or more.

    Raises:
        LicError: it is no such number.
    """

    downsampling: int
    base_streams = 1  # of the first level; each other has one

    def has_levels(self, levels: int) -> None:
        if not isinstance(levels, int) or levels < 1:
            raise LicError(f"levels must be a whole number, 1 or more, not {levels!r}.")
        self.levels = levels

    def compress_levels(self, x: Tensor) -> Iterator[list[bytes]]:
        """x (1, 3, H, W) -> the streams of one level after the other."""
        raise NotImplementedError

    def decompress_levels(self, levels: Sequence[Sequence[bytes]], shape: Sequence[int]) -> dict[str, Tensor]:
        """The streams of the first levels, one at least, and (H, W) / `downsampling` -> x_hat (1, 3, H, W) in [0, 1].

        Raises:
            StreamError: they are damaged, too many or none.
        """
        raise NotImplementedError

    def forward_levels(self, x: Tensor) -> list[dict[str, Any]]:
        """x (1, 3, H, W) -> of each level the x_hat of all levels up to it, and their likelihoods."""
        raise NotImplementedError

    def compress(self, x: Tensor) -> dict[str, Any]:
        images = [[s for level in self.compress_levels(image[None]) for s in level] for image in x]
        shape = torch.Size(side // self.downsampling for side in x.shape[-2:])
        return {"strings": [list(strings) for strings in zip(*images)], "shape": shape}

    def decompress(self, strings: list[list[bytes]], shape: Sequence[int]) -> dict[str, Tensor]:
        images = [self.split([each[i] for each in strings]) for i in range(len(strings[0]) if strings else 0)]
        if not images:
            raise StreamError("there is no stream: a file of levels holds one at least.")
        return {"x_hat": torch.cat([self.decompress_levels(levels, shape)["x_hat"] for levels in images])}

    def split(self, streams: list[bytes]) -> list[list[bytes]]:
        """All streams of a picture -> those of each level."""
        base = self.base_streams
        return [streams[:base], *([stream] for stream in streams[base:])]

    def check_levels(self, levels: Sequence[Sequence[bytes]]) -> None:
        """Raises `StreamError` unless there are as many streams as a prefix of this codec's levels has."""
        counts = [len(level) for level in levels]
        if not 1 <= len(counts) <= self.levels or counts != [self.base_streams, *[1] * (len(counts) - 1)]:
            raise StreamError(f"{len(counts)} levels of {sum(counts)} streams are not what this codec writes.")
