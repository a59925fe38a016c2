"""Random numbers of training data: a function of a seed, of a sample's or epoch's number, and of what they are for.

Uses that draw from the same seed and number must not draw the same numbers; so each has a stream of its own.
"""

from enum import IntEnum, unique

import numpy as np


@unique
class Stream(IntEnum):
    """What random numbers are for. A scene's own look has none of these numbers."""

    MOTION = 1  # of a procedural scene
    CROP = 2
    ORDER = 3  # of files in an epoch
    SHARDS = 4  # their order in a pass
    WINDOW = 5  # order of photographs among neighbouring shards
    SPEED = 6  # of a procedural clip
    FLIP = 7
    GAP = 8  # time between the pictures of a procedural pair
    PAIR_SOURCE = 9  # which data set a pair is of
    AUGMENTATION = 16
    CLIP_SOURCE = 18  # which data set a clip is of


def generator(*numbers: int) -> np.random.Generator:
    """Of (seed, number of the sample, stream), say; equal numbers give equal generators, everywhere."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(numbers)))
