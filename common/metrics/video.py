"""Quality of clips, a frame at a time: nothing holds more than a frame of each."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import zip_longest
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from common.errors import LicError
from common.metrics.image import ms_ssim, psnr
from common.metrics.own import Measuring, OwnMetrics


class FrameQuality(NamedTuple):
    """`psnr` in dB over RGB, infinite for equal frames; `ms_ssim` 0 to 1, NaN for sides of 160 pixels or less.

    `own`: figures by name of the metrics that were asked for.
    """

    psnr: float
    ms_ssim: float
    own: Mapping[str, float | None] = {}


def frame_qualities(
    source: Iterable[NDArray[np.uint8]],
    decoded: Iterable[NDArray[np.uint8]],
    rate: Fraction,
    metrics: OwnMetrics | None = None,
) -> list[FrameQuality]:
    """How near each decoded frame is to its source; both are uint8 RGB (H, W, 3), `rate` a second, in display order.

    Raises:
        LicError: one has more frames than the other.
    """
    found = []
    with Measuring(metrics or {}, rate) as measuring:
        for number, (rgb, rgb_hat) in enumerate(zip_longest(source, decoded)):
            if rgb is None or rgb_hat is None:
                short = "The clip" if rgb is None else "What was decoded"
                raise LicError(f"{short} ends after {number} frames, but the other goes on.")
            x, x_hat = (torch.tensor(frame).permute(2, 0, 1).unsqueeze(0) for frame in (rgb, rgb_hat))
            found.append(FrameQuality(psnr(x, x_hat).item(), ms_ssim(x, x_hat).item()))
            measuring.add(rgb, rgb_hat)
        return [quality._replace(own=own) for quality, own in zip(found, measuring.figures())]
