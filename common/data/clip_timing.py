"""When the frames of a clip are shown: whether at one rate, and what rate stands for them where not."""

from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av

_AT_ONE_RATE = ("rawvideo", "yuv4mpegpipe")  # what has no timestamps
_DIFFERENT = Fraction(1, 4)  # of an interval: less is jitter, or the rounding of timestamps


class Variable(NamedTuple):
    """``rate``: frames per second in the mean. ``shortest``, ``longest``: intervals between frames, in seconds."""

    rate: Fraction
    shortest: Fraction
    longest: Fraction


def variable_rate(path: Path) -> Variable | None:
    """None where frames are shown at one rate, or where there are no timestamps. Reads the file, decodes nothing."""
    status = path.stat()
    return _variable_rate(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=1024)  # a clip is opened again and again
def _variable_rate(path: Path, changed: int, size: int) -> Variable | None:
    with av.open(f"file:{path}") as container:
        stream = container.streams.video[0]
        base = stream.time_base
        if container.format.name in _AT_ONE_RATE or base is None:
            return None
        times, last = [], 0
        try:
            for packet in container.demux(stream):
                if packet.pts is not None and packet.size and not packet.is_discard:
                    times.append(packet.pts)
                    last = max(last, packet.pts + (packet.duration or 0))
        except av.FFmpegError:
            return None  # damaged, which is said where it is decoded
    times = sorted(set(times))
    gaps = sorted(later - earlier for earlier, later in pairwise(times))
    if not gaps or gaps[-1] - gaps[0] <= max(2, _DIFFERENT * gaps[len(gaps) // 2]):
        return None
    frames, span = (len(times), last - times[0]) if last > times[-1] else (len(gaps), times[-1] - times[0])
    return Variable((frames / (span * base)).limit_denominator(1001), gaps[0] * base, gaps[-1] * base)
