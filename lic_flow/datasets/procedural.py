"""Pairs of pictures of procedural scenes, with their exact flow and occlusion, without end."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from common.data.random_streams import Stream, generator
from common.data.scenes import fastest, pair, render, scene
from common.errors import LicError


class ProceduralPairs(Dataset[dict[str, Any]]):
    """Pair ``n`` of the endless list ``seed``, a function of (seed, n), ``size`` (height, width), ``max_motion`` alone.

    A sample is {"first", "second": uint8 (3, H, W), "flow": float32 (2, H, W) in pixels, "valid", "occluded": bool
    (H, W)}; the flow is known everywhere, also where the second picture does not show what the first does.

    A scene (``common.data.scenes``) is seen at time 0 and at a time at which its fastest layer has come
    ``max_motion u^2`` pixels far, u uniform in [0, 1]. So all motion stays below ``max_motion`` (turns about a centre
    beyond the frame excepted), layers that are farther away or follow the camera move less, and small motion is
    common: in 60 frames of 256 x 256 with ``max_motion`` 32, pixels move by 2.9 on average, 40 % by less than 1, 54 %
    by less than 2, 9 % by more than 8 and 0.7 % by more than 16. With another ``max_motion`` these scale in
    proportion. 5 % of the pixels are occluded.
    """

    has_flow = has_occlusion = True

    def __init__(self, seed: int, size: Sequence[int], max_motion: float = 32.0) -> None:
        height, width = size
        if height < 1 or width < 1:
            raise LicError(f"procedural pairs of {width}x{height} pixels cannot be drawn; give sides of at least 1.")
        if not max_motion > 0:
            raise LicError(f"the largest motion is {max_motion} pixels; it must be greater than 0.")
        self.seed, self.height, self.width, self.max_motion = seed, height, width, max_motion
        render(scene(seed, 0, 8, 8))  # compiles once, before loader workers are forked

    def __getitem__(self, n: int) -> dict[str, Any]:
        view = scene(self.seed, n, self.height, self.width)
        rng = generator(self.seed, n, Stream.GAP)
        gap = self.max_motion * rng.random() ** 2 / fastest(view)
        first, second, seen = pair(view, 0.0, gap)
        return {
            "first": torch.from_numpy(np.ascontiguousarray(first.transpose(2, 0, 1))),
            "second": torch.from_numpy(np.ascontiguousarray(second.transpose(2, 0, 1))),
            "flow": torch.from_numpy(seen.flow),
            "valid": torch.ones(self.height, self.width, dtype=torch.bool),
            "occluded": torch.from_numpy(seen.occluded),
        }
