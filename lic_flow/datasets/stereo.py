"""A real photographed pair with dense ground truth that needs no download, from scikit-image's wheel."""

from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from common.data.image_io import read_picture
from common.data.samples import packaged


class StereoPair(Dataset[dict[str, Any]]):
    """One pair of 500 x 741 pixels: a motorcycle in a workshop, seen from two places side by side.

    The flow from the left picture to the right one is (-disparity, 0), 7 to 60 pixels to the left, known at 93 % of
    the pixels: where the disparity is finite and greater than 0.

    Source: D. Scharstein, H. Hirschmüller and others, "High-resolution stereo datasets with subpixel-accurate ground
    truth" (GCPR 2014), the set's ``Motorcycle``, scaled to a quarter as in ``skimage.data.stereo_motorcycle``.
    """

    has_flow, has_occlusion = True, False

    def __init__(self) -> None:
        names = (f"data/motorcycle_{name}" for name in ("left.png", "right.png", "disp.npz"))
        left, right, disparity = (packaged("skimage", name) for name in names)
        first, second = read_picture(left).rgb, read_picture(right).rgb
        with np.load(disparity) as archive:
            shift = archive["arr_0"].astype(np.float32)
        valid = np.isfinite(shift) & (shift > 0)
        shift[~valid] = 0
        self._sample = {
            "first": torch.from_numpy(np.ascontiguousarray(first.transpose(2, 0, 1))),
            "second": torch.from_numpy(np.ascontiguousarray(second.transpose(2, 0, 1))),
            "flow": torch.from_numpy(np.stack([-shift, np.zeros_like(shift)])),
            "valid": torch.from_numpy(valid),
        }

    def __len__(self) -> int:
        return 1

    def name(self, i: int) -> str:
        """What pair ``i`` is called."""
        return ("motorcycle",)[i]

    def __getitem__(self, i: int) -> dict[str, Any]:
        if i not in (0, -1):
            raise IndexError(i)
        return dict(self._sample)
