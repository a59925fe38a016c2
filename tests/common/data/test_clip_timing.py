from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from common.data.video_files import Clip


def write(path: Path, times: list[int], base: Fraction, rate: int) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt, stream.time_base = 64, 48, "yuv420p", base
        stream.codec_context.time_base = base
        for n, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.full((72, 64), 9 * n, np.uint8), format="yuv420p")
            frame.pts, frame.time_base = time, base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_variable_rate_is_said_and_its_mean_taken(tmp_path: Path, suffix: str) -> None:
    times = [*range(5), *range(10, 20)]  # tenths of a second
    path = write(tmp_path / f"a.{suffix}", times, Fraction(1, 10), 10)
    clip = Clip(path)
    assert clip.info.rate == Fraction(15, 2)  # 15 frames in 2 seconds, whatever the container says
    (note,) = clip.notes
    assert "at a variable rate, 0.1 to 0.6 seconds apart" in note and "7.5 a second (--rate sets another)" in note
    assert len(list(clip)) == 15
    assert Clip(path, rate=10).info.rate == 10 and Clip(path, rate=10).notes == ()


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(120)])
def test_rounded_timestamps_are_one_rate(tmp_path: Path, rate: Fraction) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as container:  # Matroska counts milliseconds
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for n in range(40):
            frame = av.VideoFrame.from_ndarray(np.full((72, 64), n, np.uint8), format="yuv420p")
            frame.pts, frame.time_base = n, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    clip = Clip(tmp_path / "a.mkv")
    assert clip.info.rate == rate and clip.notes == ()
