"""How a frame is to be shown, as its file says it: matrix and range of YUV, turning by a display matrix.

Frames of YUV become RGB by a conversion that has a name, so that a name in a result says what was compared:

    flagged          by the matrix that the file says, BT.601 where it says none; what `lic compress` does
    ffmpeg_default   BT.601 whatever the file says, bit for bit as `ffmpeg -i clip.yuv -f rawvideo -pix_fmt rgb24`
                     of a raw file
    bt709            BT.709 whatever the file says

The names are of the matrix alone. The range is the file's in all of them: Y in 16 .. 235 and U, V in 16 .. 240, but
full range where the file says so or where the format is that by name (yuvj420p, of MJPEG and some telephones).

8 bits go through swscale as FFmpeg's program has it, fast and rounded: within 3 levels of the exact matrix. It repeats
each chroma sample of 4:2:0 where the height is even, and interpolates where it is odd. The test code of DCVC-DC and
DCVC-FM takes the matrix of BT.709 too, but at full range and with chroma interpolated, so its levels differ from both.
More than 8 bits are rounded once, to the nearest level of RGB, and not dithered.
"""

from typing import Any, NamedTuple

import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

CONVERSIONS = ("ffmpeg_default", "bt709")  # whatever the file says
FLAGGED = "flagged"
UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
_MATRICES = {
    "ffmpeg_default": Colorspace.ITU601,
    "bt709": Colorspace.ITU709,
    "bt2020": Colorspace.BT2020,
    "fcc": Colorspace.FCC,
    "smpte240m": Colorspace.SMPTE240M,
}
_OF_FLAG = {  # AVColorSpace -> the conversion
    1: "bt709",
    UNSPECIFIED: "ffmpeg_default",
    4: "fcc",
    5: "ffmpeg_default",
    6: "ffmpeg_default",
    7: "smpte240m",
    9: "bt2020",
}
_EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


class Turn(NamedTuple):
    """What brings a frame upright: rows and columns exchanged, then rows, then columns in opposite order."""

    transposed: bool = False
    upside_down: bool = False
    mirrored: bool = False

    def __str__(self) -> str:
        quarter = {
            Turn(True, True, False): "turned by 90 degrees to the left",
            Turn(True, False, True): "turned by 90 degrees to the right",
            Turn(False, True, True): "turned by 180 degrees",
            Turn(False, False, True): "mirrored left to right",
            Turn(False, True, False): "mirrored top to bottom",
        }
        return quarter.get(self, "turned by 90 degrees and mirrored")

    def __call__(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """``rgb`` (H, W, 3), or (W, H, 3) where it is transposed."""
        rgb = rgb.transpose(1, 0, 2) if self.transposed else rgb
        rgb = rgb[::-1] if self.upside_down else rgb
        return np.ascontiguousarray(rgb[:, ::-1] if self.mirrored else rgb)


def turn_of(frame: VideoFrame) -> Turn | None:
    """By the display matrix that came with a frame; None where it asks for what is no quarter turn."""
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return Turn()
    (a, b, _), (c, d, _), _ = np.frombuffer(bytes(matrix), np.int32).reshape(3, 3).tolist()
    if not b and not c and abs(a) == abs(d) != 0:  # x' = a x + c y, y' = b x + d y
        return Turn(False, d < 0, a < 0)
    if not a and not d and abs(b) == abs(c) != 0:
        return Turn(True, b < 0, c < 0)
    return None


def is_rgb(kind: VideoFormat) -> bool:
    return kind.is_rgb or kind.has_palette


def conversion_of(flag: int) -> str | None:
    """The conversion by the matrix that an AVColorSpace names; None where swscale has none for it."""
    return _OF_FLAG.get(flag)


def is_full_range(frame: VideoFrame) -> bool:
    """Whether a frame of YUV has black at 0; grey formats have it where nothing is said."""
    if frame.color_range == ColorRange.UNSPECIFIED and len(frame.format.components) == 1:
        return True
    return frame.format.name.startswith("yuvj") or frame.color_range == ColorRange.JPEG


def bits_of(kind: VideoFormat) -> int:
    return max(part.bits for part in kind.components)


def to_rgb(frame: VideoFrame, reformatter: VideoReformatter, conversion: str | None) -> NDArray[np.uint8]:
    """``frame`` as uint8 (H, W, 3), as it is stored, not turned; ``conversion``: of a matrix, None of RGB."""
    scaling = _EXACT if bits_of(frame.format) > 8 else Interpolation.BICUBIC
    if conversion is None:
        rgb = reformatter.reformat(frame, format="rgb24", interpolation=scaling)
    else:
        matrix = _MATRICES[conversion]
        # The matrix that is asked for says nothing of RGB, but where it is the source's PyAV leaves all of this out.
        other = Colorspace.ITU709 if matrix == Colorspace.ITU601 else Colorspace.ITU601
        rgb = reformatter.reformat(
            frame,
            format="rgb24",
            src_colorspace=matrix,
            dst_colorspace=other,
            src_color_range="JPEG" if is_full_range(frame) else "MPEG",
            dst_color_range="JPEG",
            interpolation=scaling,
        )
    return np.asarray(rgb.to_ndarray(), np.uint8)
