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
from typing import Any, Generic, Protocol, TypeVar

import av
import numpy as np
from numpy.typing import NDArray

from common.baselines.conditions import Conditions
from common.baselines.records import holds, made_by, point, side_by_side
from common.baselines.video_codec import VideoCodec
from common.errors import LicError
from common.io import write_json
from common.metrics.own import Given, OwnMetrics, checked, described, means
from common.metrics.video import frame_qualities
from common.results.points import finite, results, sequence_record

T = TypeVar("T")
MAX_WORKERS = 2  # some encoders look ahead in threads of their own, and a clip's frames are large


class VideoSequence(Protocol):
    """A named clip of `rate` frames a second; `clip()` begins again at its first frame each time, uint8 (H, W, 3)."""

    @property
    def name(self) -> str: ...
    @property
    def rate(self) -> Fraction: ...

    def clip(self) -> Iterable[NDArray[np.uint8]]: ...


def measure_video(
    codec: VideoCodec,
    sequences: Sequence[VideoSequence],
    dataset: str,
    conditions: Conditions,
    qualities: Sequence[int] | None = None,
    workers: int = MAX_WORKERS,
    step: Callable[[], None] = lambda: None,
    metrics: Given = None,
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
        metrics: measures beside PSNR and MS-SSIM, by name.

    Returns:
        CompressAI's layout with "kind", "protocol", "dataset", "conditions", "encoder", "version", "command", "quality"
        per point, in "sequences" one record for each clip and quality, with the SHA-256 of its packets, and in "frames"
        lists of each one's bits, PSNR and MS-SSIM, in display order.

    Raises:
        LicError: there are no clips, one cannot be read, is smaller than the crop, or the codec refuses it.
    """
    if not sequences:
        raise LicError("There are no clips to measure on.")
    chosen, own = list(qualities or codec.qualities), checked(metrics)

    def one(job: tuple[VideoSequence, int]) -> tuple[dict[str, Any], dict[str, Any]]:
        record, frames = _record(codec, *job, conditions, own)
        step()
        return record, frames

    measured = side_by_side(one, list(product(sequences, chosen)), min(workers, MAX_WORKERS))
    records = [record for record, _ in measured]
    return {
        **_head(codec, dataset, conditions),
        **made_by(codec.encoder, codec.version, codec.command(conditions.gop)),
        **described(own),
        "results": results([point(records, quality, own) for quality in chosen]),
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
    metrics: Given = None,
) -> Path:
    """`measure_video` into `video_file(…)`, unless that already holds this measurement."""
    path = video_file(codec, conditions, out)
    if not is_current(path, codec, dataset, conditions, qualities, metrics):
        write_json(path, measure_video(codec, sequences, dataset, conditions, qualities, workers, step, metrics))
    return path


def video_file(codec: VideoCodec, conditions: Conditions, out: Path) -> Path:
    """`out/NAME.PROTOCOL.baseline.json`; `NAME.PROTOCOL+gop-10.baseline.json` where the protocol has another GOP."""
    said = "+".join([conditions.protocol, *(change.replace("=", "-") for change in conditions.changes())])
    return out / f"{codec.name}.{said}.baseline.json"


def is_current(
    path: Path,
    codec: VideoCodec,
    dataset: str,
    conditions: Conditions,
    qualities: Sequence[int] | None = None,
    metrics: Given = None,
) -> bool:
    """Whether `path` holds this codec, in this version, on these clips at these qualities under these conditions, and
    these metrics."""
    return holds(path, _head(codec, dataset, conditions), qualities or codec.qualities, checked(metrics))


def _head(codec: VideoCodec, dataset: str, conditions: Conditions) -> dict[str, Any]:
    return {
        "name": " ".join([codec.title, *conditions.changes()]),
        "description": f"{codec.settings}. {conditions}. {codec.version}",
        "kind": "baseline",
        "protocol": conditions.protocol,
        "dataset": dataset,
        "conditions": conditions._asdict(),
    }


def _record(
    codec: VideoCodec, sequence: VideoSequence, quality: int, conditions: Conditions, metrics: OwnMetrics
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The record of a clip at a quality, and its frames' lists."""
    source, gop = Timed(conditioned(sequence, conditions)), conditions.gop
    with TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mkv"
        try:
            start = perf_counter()
            codec.encode(source, sequence.rate, quality, gop, path, conditions.conversion)
            encoding = perf_counter() - start - source.seconds
            bits, digest = codec.frame_bits(path), codec.digest(path)
            decoded = Timed(codec.decode(path))
            found = frame_qualities(conditioned(sequence, conditions), decoded, sequence.rate, metrics)
        except av.error.FFmpegError as error:
            raise LicError(
                f"{codec.title} cannot code {sequence.name} at quality {quality}: {error.strerror}."
            ) from error
        except LicError as error:
            raise LicError(f"{codec.title}, {sequence.name}, quality {quality}: {error}") from error
    if len(bits) != len(found):
        raise LicError(f"{codec.title} wrote {len(bits)} packets for the {len(found)} frames of {sequence.name}.")
    frames = [
        {"bits": own, "psnr": finite(quality_of.psnr), "ms_ssim": finite(quality_of.ms_ssim), **quality_of.own}
        for own, quality_of in zip(bits, found)
    ]
    height, width = decoded.last.shape[:2]
    name = {"quality": quality, "sequence": sequence.name}
    times = {"encoding_time": encoding / len(frames), "decoding_time": decoded.seconds / len(frames)}
    record = {**name, **sequence_record(width, height, frames), "sha256": digest, **means(metrics, frames), **times}
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


class Timed(Generic[T]):
    """Passes frames on, and adds up in `seconds` what they took to come; `last` is the last one that came."""

    last: T

    def __init__(self, frames: Iterable[T]) -> None:
        self._frames = iter(frames)
        self.seconds = 0.0

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        start = perf_counter()
        try:
            self.last = next(self._frames)
        finally:
            self.seconds += perf_counter() - start
        return self.last
