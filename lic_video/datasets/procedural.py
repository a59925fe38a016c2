"""Procedural clips to test on, when nothing has been downloaded."""

import hashlib
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lic_video.datasets.clips import ProceduralClips


class ProceduralSequence(NamedTuple):
    """Clip ``number`` of ``clips``. ``conversion`` is that of the other test sequences; frames are RGB as they are."""

    name: str
    clips: ProceduralClips
    number: int
    rate: Fraction = Fraction(25)
    conversion: str = "ffmpeg_default"

    def clip(self) -> Iterator[NDArray[np.uint8]]:
        """Its frames, uint8 RGB (H, W, 3)."""
        for t in range(self.clips.frames):
            yield np.ascontiguousarray(self.clips.frame(self.number, t).numpy().transpose(1, 2, 0))

    def digest(self) -> bytes:
        """Of all its pixels."""
        total = hashlib.blake2b()
        for rgb in self.clip():
            total.update(rgb.tobytes())
        return total.digest()


def procedural_sequences(
    count: int = 4,
    size: tuple[int, int] = (128, 192),
    frames: int = 25,
    max_motion: float = 8.0,
    seed: int = 1_000_000,
) -> list[ProceduralSequence]:
    """``count`` clips of ``size`` (height, width), far from those that are trained on by their seed."""
    clips = ProceduralClips(seed, size, frames, max_motion)
    return [ProceduralSequence(f"scene_{number}", clips, number) for number in range(count)]
