"""Decoding a video, and noticing where it is damaged: FFmpeg conceals what it can, and only mentions it."""

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction

import av
import av.logging
from av.codec.context import Flags
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

RATE = Fraction(25)  # where neither file nor caller says
# A packet of these is a frame, so that frames that do not come out can be counted.
_FRAME_A_PACKET = {
    "h264",
    "hevc",
    "vvc",
    "ffv1",
    "mjpeg",
    "mpeg1video",
    "mpeg2video",
    "mpeg4",
    "prores",
    "dnxhd",
    "vp9",
}
_FRAME_A_PACKET |= {"av1", "libdav1d", "libaom-av1"}
_LOGGING = threading.Lock()  # FFmpeg has one log for all threads


def decoded(
    container: InputContainer, stream: VideoStream, damaged: Callable[[int, str], None]
) -> Iterator[VideoFrame]:
    """The frames of ``stream`` in the order in which they are shown.

    ``damaged`` is called with the number of the frame, from 0, about which it was noticed, and with what is wrong: a
    frame that a decoder flags, an error that decoder or demuxer raises or mentions (checksums, missing references),
    frames that do not come out, an end too early. Where it returns, decoding goes on with what FFmpeg makes of it.

    What leaves no trace in the syntax, as many a flipped bit in a stream without checksums, no decoder can see.
    """
    context = stream.codec_context
    context.flags |= Flags.output_corrupt  # rather than leave such frames out in silence
    context.options = {**context.options, "err_detect": "crccheck+bitstream+buffer"}
    if context.codec.name.startswith("lib"):
        context.thread_count = 1  # so that what it logs comes while it is asked
    sources = {context.codec.name, container.format.name}
    packets, end = container.demux(stream), _End(container, stream)
    sent = came = 0
    interlaced = over = False
    while not over:
        frames: list[VideoFrame] = []
        reasons: list[str] = []
        with _mentioned(sources, reasons):
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:
                packet, over = None, True
                reasons.append(f"cannot be read ({error.strerror})")
            if packet is not None:
                end.passed(packet)
                sent += packet.size > 0 and not packet.is_discard
                try:
                    frames = packet.decode()
                except av.FFmpegError as error:
                    reasons.append(f"cannot be decoded ({error.strerror})")
        over = over or packet is None
        if packet is not None and (packet.is_corrupt or any(frame.is_corrupt for frame in frames)):
            reasons.append("is not what was coded")
        if reasons:
            damaged(came, reasons[0])
        for frame in frames:
            interlaced = interlaced or frame.interlaced_frame
            yield frame
            came += 1
    if end.missed() or came == 0:
        damaged(came, "is missing or not whole: the file ends before it")
    elif came < sent and context.codec.name in _FRAME_A_PACKET and not interlaced:  # a field can be a packet
        damaged(came, f"and others are missing: {sent - came} of {sent} cannot be decoded")


@contextlib.contextmanager
def _mentioned(sources: set[str], reasons: list[str]) -> Iterator[None]:
    """Adds to ``reasons`` the first error that FFmpeg logs within, of those ``sources``."""
    with _LOGGING:
        level, skip = av.logging.get_level(), av.logging.get_skip_repeated()
        av.logging.set_level(av.logging.ERROR)
        av.logging.set_skip_repeated(False)
        try:
            with av.logging.Capture(local=False) as logs:
                yield
        finally:
            av.logging.set_level(level)
            av.logging.set_skip_repeated(skip)
        said = [text.strip() for severity, name, text in logs if name in sources and severity <= av.logging.ERROR]
        reasons.extend(f"is not what was coded (FFmpeg: {text})" for text in said[:1])


class _End:
    """Whether a file ends where it says, which FFmpeg does not check of all kinds."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self._expected = self._reached = Fraction(0)  # seconds
        self._tolerance = 3 / (2 * (stream.average_rate or RATE))
        self._bytes: int | None = container.size if container.format.name == "yuv4mpegpipe" else None
        self._bytes_reached = 0
        if stream.frames and stream.duration:  # mp4, avi; what has no frame count has its duration estimated
            self._expected = ((stream.start_time or 0) + stream.duration) * _known(stream.time_base)
        elif re.fullmatch(r"\d+:\d\d:\d\d\.\d+", stream.metadata.get("DURATION", "")):  # Matroska, of most writers
            hours, minutes, seconds = stream.metadata["DURATION"].split(":")
            self._expected = 60 * (60 * int(hours) + int(minutes)) + Fraction(seconds)

    def passed(self, packet: Packet) -> None:
        at = packet.dts if packet.pts is None else packet.pts
        if at is not None:
            self._reached = max(self._reached, (at + (packet.duration or 0)) * _known(packet.time_base))
        if packet.pos is not None:
            self._bytes_reached = packet.pos + packet.size

    def missed(self) -> bool:
        short = self._reached + self._tolerance < self._expected
        return short or (self._bytes is not None and self._bytes_reached != self._bytes)


def _known(time_base: Fraction | None) -> Fraction:
    assert time_base is not None  # of what a demuxer has opened
    return time_base
