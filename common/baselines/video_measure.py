"""A classical video codec's rate-distortion curve on a set of clips, by the protocol of the learned ones.

Bits are those of the elementary stream; PSNR and MS-SSIM are over RGB, per frame, then averaged over a sequence's
frames, then over the sequences. A clip is read twice for each quality, to be encoded and to be compared, and never
held. Seconds are wall-clock per frame, without those that the clip's reader takes.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import islice, product
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, NamedTuple, Protocol

import av
import numpy as np
from numpy.typing import NDArray

from common.baselines.records import holds, point, side_by_side
from common.baselines.video_codecs import VideoCodec
from common.errors import LicError
from common.metrics.video import frame_qualities
from common.rd.points import finite, results, sequence_record, write_json

MAX_WORKERS = 2  # some encoders look ahead in threads of their own, and a clip's frames are large


class VideoSequence(Protocol):
    """A named clip of `rate` frames a second; `clip()` begins again at its first frame each time, uint8 (H, W, 3)."""

    @property
    def name(self) -> str: ...
    @property
    def rate(self) -> Fraction: ...

    def clip(self) -> Iterable[NDArray[np.uint8]]: ...


class Conditions(NamedTuple):
    """How clips are measured; results under different ones are not comparable.

    Attributes:
        protocol: its name.
        gop: frames from one intra frame to the next.
        frames: at most so many from the start of each clip.
        crop: sides are cut at right and below to a multiple of this; None leaves them.
        conversion: between RGB and the encoder's YUV 4:2:0, one of `CONVERSIONS`.
    """

    protocol: str
    gop: int
    frames: int
    crop: int | None = None
    conversion: str = "ffmpeg_default"

    def __str__(self) -> str:
        size = f"cropped to a multiple of {self.crop}" if self.crop else "whole pictures"
        return f"GOP {self.gop}, at most {self.frames} frames, {size}, {self.conversion}"


def measure_video(
    codec: VideoCodec,
    sequences: Sequence[VideoSequence],
    dataset: str,
    conditions: Conditions,
    qualities: Sequence[int] | None = None,
    workers: int = MAX_WORKERS,
    step: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Encode and decode every clip at every quality.

    Args:
        codec: one of `available().codecs`.
        sequences: their names are unique.
        dataset: identity of the clips.
        conditions: see there.
        qualities: the codec's own by default.
        workers: clips at a time, 1 or 2; encode and decode seconds are undisturbed with 1.
        step: called after each clip and quality, from any thread.

    Returns:
        CompressAI's layout with "kind", "protocol", "dataset", "conditions", "quality" per point, in "sequences" one
        record for each clip and quality, and in "frames" lists of each one's bits, PSNR and MS-SSIM, in display order.

    Raises:
        LicError: there are no clips, one cannot be read, is smaller than the crop, or the codec refuses it.
    """
    if not sequences:
        raise LicError("There are no clips to measure on.")
    chosen = list(qualities or codec.qualities)

    def one(job: tuple[VideoSequence, int]) -> tuple[dict[str, Any], dict[str, Any]]:
        record, frames = _record(codec, *job, conditions)
        step()
        return record, frames

    measured = side_by_side(one, list(product(sequences, chosen)), min(workers, MAX_WORKERS))
    records = [record for record, _ in measured]
    return {
        **_head(codec, dataset, conditions),
        "results": results([point(records, quality) for quality in chosen]),
        "sequences": records,
        "frames": [frames for _, frames in measured],
    }


def bench_video(
    codec: VideoCodec,
    sequences: Sequence[VideoSequence],
    dataset: str,
    conditions: Conditions,
    out: Path,
    qualities: Sequence[int] | None = None,
    workers: int = MAX_WORKERS,
    step: Callable[[], None] = lambda: None,
) -> Path:
    """`measure_video` into `out/NAME.PROTOCOL.baseline.json`, unless that file already holds this measurement."""
    path = out / f"{codec.name}.{conditions.protocol}.baseline.json"
    if not is_current(path, codec, dataset, conditions, qualities):
        write_json(path, measure_video(codec, sequences, dataset, conditions, qualities, workers, step))
    return path


def is_current(
    path: Path, codec: VideoCodec, dataset: str, conditions: Conditions, qualities: Sequence[int] | None = None
) -> bool:
    """Whether `path` holds this codec, in this version, on these clips at these qualities under these conditions."""
    return holds(path, _head(codec, dataset, conditions), qualities or codec.qualities)


def _head(codec: VideoCodec, dataset: str, conditions: Conditions) -> dict[str, Any]:
    return {
        "name": codec.title,
        "description": f"{codec.settings}. {conditions}. {codec.version}",
        "kind": "baseline",
        "protocol": conditions.protocol,
        "dataset": dataset,
        "conditions": conditions._asdict(),
    }


def _record(
    codec: VideoCodec, sequence: VideoSequence, quality: int, conditions: Conditions
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The record of a clip at a quality, and its frames' lists."""
    source, gop = _Timed(conditioned(sequence, conditions)), conditions.gop
    with TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mkv"
        try:
            start = perf_counter()
            codec.encode(source, sequence.rate, quality, gop, path, conditions.conversion)
            encoding = perf_counter() - start - source.seconds
            bits = codec.frame_bits(path)
            decoded = _Timed(codec.decode(path))
            found = list(frame_qualities(conditioned(sequence, conditions), decoded))
        except av.error.FFmpegError as error:
            raise LicError(f"{codec.title} cannot code {sequence.name} at quality {quality}: {error}.") from error
        except LicError as error:
            raise LicError(f"{codec.title}, {sequence.name}, quality {quality}: {error}") from error
    if len(bits) != len(found):
        raise LicError(f"{codec.title} wrote {len(bits)} packets for the {len(found)} frames of {sequence.name}.")
    frames = [
        {"bits": own, "psnr": finite(quality_of.psnr), "ms_ssim": finite(quality_of.ms_ssim)}
        for own, quality_of in zip(bits, found)
    ]
    height, width = decoded.shape[:2]
    name = {"quality": quality, "sequence": sequence.name}
    times = {"encoding_time": encoding / len(frames), "decoding_time": decoded.seconds / len(frames)}
    record = {**name, **sequence_record(width, height, frames), **times}
    return record, {**name, **{key: [frame[key] for frame in frames] for key in frames[0]}}


def conditioned(sequence: VideoSequence, conditions: Conditions) -> Iterator[NDArray[np.uint8]]:
    """The frames of a clip that are measured under `conditions`, cropped as they say."""
    multiple = conditions.crop or 1
    for rgb in islice(sequence.clip(), conditions.frames):
        height, width = (side - side % multiple for side in rgb.shape[:2])
        if min(height, width) == 0:
            raise LicError(
                f"the frames are {rgb.shape[1]}x{rgb.shape[0]}, too small for a protocol that cuts sides to a multiple "
                f"of {multiple}; use larger clips, or a protocol that does not crop."
            )
        yield rgb[:height, :width]


class _Timed:
    """Passes frames on, and adds up in `seconds` what they took to come; `shape` is that of the last."""

    def __init__(self, frames: Iterable[NDArray[np.uint8]]) -> None:
        self._frames = iter(frames)
        self.seconds = 0.0
        self.shape: tuple[int, ...] = ()

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return self

    def __next__(self) -> NDArray[np.uint8]:
        start = perf_counter()
        try:
            frame = next(self._frames)
        finally:
            self.seconds += perf_counter() - start
        self.shape = frame.shape
        return frame
