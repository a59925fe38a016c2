"""8-bit RGB frames to YUV 4:2:0, so that the named conversion takes them back as they were.

An encoder that is given RGB must not lose by the conversion what is not its codec's fault. FFmpeg's fast way from YUV
to RGB rounds down, by about a level: converted plainly, every pass darkens a picture, and no codec behind it exceeds
46 dB. So luma is corrected here by what the way back lacks.
"""

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from common.data.clip_display import to_rgb

# the matrix, and the weights of R, G and B in luma of 16 .. 235
_MATRICES = {
    "ffmpeg_default": ("ITU601", (65.481 / 255, 128.553 / 255, 24.966 / 255)),
    "bt709": ("ITU709", (46.559 / 255, 156.629 / 255, 15.812 / 255)),
}
_CORRECTIONS = 2  # a third changes nothing


def to_yuv420(rgb: NDArray[np.uint8], conversion: str) -> av.VideoFrame:
    """The yuv420p frame, in limited range, that `to_rgb` by the same conversion takes nearest to `rgb`.

    Chroma is the mean of its four pixels. A picture that came from 4:2:0 by this conversion comes back at 50 dB or
    more, mostly 60. One that has chroma of its own comes back as near as 4:2:0 goes, which can be below 35 dB.

    Args:
        rgb: uint8 (H, W, 3), both sides even.
        conversion: one of `CONVERSIONS`.
    """
    matrix, weights = _MATRICES[conversion]
    source = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    frame = source.reformat(
        format="yuv420p",
        src_colorspace=matrix,
        dst_colorspace=matrix,
        src_color_range="JPEG",
        dst_color_range="MPEG",
        interpolation="AREA",
    )
    reformatter = VideoReformatter()
    for _ in range(_CORRECTIONS):
        planes = frame.to_ndarray()
        back = to_rgb(frame, reformatter, conversion)
        lacking = (rgb.astype(np.int16) - back).astype(np.float32) @ np.array(weights, np.float32)
        luma = planes[: len(rgb)]
        np.copyto(luma, np.clip(luma + np.rint(lacking), 0, 255), casting="unsafe")
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    return frame
