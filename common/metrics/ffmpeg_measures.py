"""VMAF and XPSNR, of whole clips, by the filters of the ffmpeg of the extra `anchors`."""

import json
import re
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from common import ffmpeg_program
from common.errors import LicError

LOG = "log"
FILTERS = {
    "vmaf": f"libvmaf=model=version={{model}}:log_fmt=json:log_path={LOG}:n_threads=1",
    "xpsnr": f"xpsnr=stats_file={LOG}",
}


class FfmpegMeasure:
    """A figure for each frame of a clip; a photograph is a clip of one frame, without motion.

    The program gets 8-bit RGB and takes it to YUV 4:2:0 by BT.709.

    Args:
        measure: "vmaf" (Netflix's, 0 to 100), or "xpsnr" (Helmrich et al., ICASSP 2020; dB, the planes weighted 4:1:1).
        model: of VMAF, as libvmaf calls it. "vmaf_v0.6.1neg" does not reward sharpening.

    Raises:
        LicError: the extra `anchors` is not installed, or there is no such measure.
    """

    higher_is_better = True

    def __init__(self, measure: Literal["vmaf", "xpsnr"], model: str = "vmaf_v0.6.1") -> None:
        if measure not in FILTERS:
            raise LicError(f"There is no measure {measure!r}: choose {' or '.join(FILTERS)}.")
        filter_name = FILTERS[measure].partition("=")[0]
        if reason := ffmpeg_program.lacking(f"The measure {measure}", "filter", filter_name):
            raise LicError(reason)
        self.measure, self.filter = measure, FILTERS[measure].format(model=model)
        used = {"model": model} if measure == "vmaf" else {}
        self.arguments = {"measure": measure, **used, "version": ffmpeg_program.version()}

    def begin(self, size: tuple[int, int], rate: Fraction) -> "FfmpegSession":
        """The measurement of one clip of frames of `size` (height, width), `rate` a second."""
        return FfmpegSession(self.measure, self.filter, size, rate)


class FfmpegSession:
    """One run of the program. Both pictures of a frame are given as one, the decoded one above the original."""

    def __init__(self, measure: str, name: str, size: tuple[int, int], rate: Fraction) -> None:
        height, width = size
        yuv = "scale=out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd,format=yuv420p"
        halves = f"[a]crop={width}:{height}:0:0,{yuv}[decoded];[b]crop={width}:{height}:0:{height},{yuv}[original]"
        graph = f"[0:v]split[a][b];{halves};[decoded][original]{name}"
        source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{2 * height}", "-r", str(rate), "-i", "pipe:0"]
        self._measure, self._folder = measure, TemporaryDirectory()
        self._log = Path(self._folder.name) / LOG
        self._feed = ffmpeg_program.Feed([*source, "-lavfi", graph, "-f", "null", "-"], self._log.parent)

    def add(self, decoded: NDArray[np.uint8], rgb: NDArray[np.uint8]) -> None:
        """The next frame, as it was decoded and as it was; both uint8 (H, W, 3)."""
        self._feed.write(np.concatenate([decoded, rgb]).tobytes())

    def figures(self) -> list[float]:
        """One number a frame, infinite for XPSNR of equal frames."""
        self._feed.finish()
        text = self._log.read_text(encoding="utf-8")
        if self._measure == "vmaf":
            return [frame["metrics"]["vmaf"] for frame in json.loads(text)["frames"]]
        return [_weighted_xpsnr(line) for line in text.splitlines() if line.lstrip().startswith("n:")]

    def close(self) -> None:
        """End the program, if it has not ended, and remove its log."""
        self._feed.stop()
        self._folder.cleanup()


def _weighted_xpsnr(line: str) -> float:
    """(4 Y + U + V) / 6 of a line as "n: 1  XPSNR y: 40.1  XPSNR u: 42.0  XPSNR v: inf"."""
    y, u, v = (float(value) for value in re.findall(r"XPSNR [yuv]: *(\S+)", line))
    return (4 * y + u + v) / 6
