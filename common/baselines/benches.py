"""Measurements of classical codecs, on pictures or clips: one for each codec, made where it is not there already."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from common.baselines import measure, video_measure
from common.baselines.codecs import Codec
from common.baselines.conditions import Conditions
from common.baselines.video_codec import VideoCodec
from common.baselines.video_measure import VideoSequence
from common.metrics.own import Given

Step = Callable[[], None]


class Bench(NamedTuple):
    """One codec's measurement.

    Attributes:
        what: it is, in words.
        steps: of work.
        current: whether it is there already.
        make: called with what is to be called after each step, gives its file.
    """

    what: str
    steps: int
    current: bool
    make: Callable[[Step], Path]


def of_pictures(
    codecs: Sequence[Codec],
    pictures: Sequence[Path],
    dataset: str,
    out: Path,
    qualities: Sequence[int] | None = None,
    workers: int | None = None,
    metrics: Given = None,
) -> list[Bench]:
    """`measure.bench` of every codec."""
    return [
        Bench(
            f"{codec.title} on {_counted(len(pictures), 'picture')}",
            len(pictures) * len(qualities or codec.qualities),
            measure.is_current(out / f"{codec.name}.baseline.json", codec, pictures, dataset, qualities, metrics),
            partial(measure.bench, codec, pictures, dataset, out, qualities, workers, metrics=metrics),
        )
        for codec in codecs
    ]


def of_clips(
    codecs: Sequence[VideoCodec],
    count: int,
    clips: Callable[[], Sequence[VideoSequence]],
    dataset: str,
    conditions: Conditions,
    out: Path,
    qualities: Sequence[int] | None = None,
    workers: int = video_measure.MAX_WORKERS,
    metrics: Given = None,
) -> list[Bench]:
    """`bench_video` of every codec on the `count` clips that `clips` gives; it is called when they are needed."""
    opened = cache(clips)

    def bench(codec: VideoCodec) -> Bench:
        path = video_measure.video_file(codec, conditions, out)
        current = video_measure.is_current(path, codec, dataset, conditions, qualities, metrics)

        def make(step: Step) -> Path:
            if current:
                return path
            return video_measure.bench_video(
                codec, opened(), dataset, conditions, out, qualities, workers, step, metrics
            )

        what = f"{codec.title} on {_counted(count, 'clip')}"
        return Bench(what, count * len(qualities or codec.qualities), current, make)

    return [bench(codec) for codec in codecs]


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def made(benches: Sequence[Bench], console: Console) -> list[Path]:
    """The files of all measurements, which are made one after the other under a progress bar."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    paths = []
    with Progress(*columns, console=console) as progress:
        for bench in benches:
            task = progress.add_task(bench.what, total=bench.steps, completed=bench.steps if bench.current else 0)
            paths.append(bench.make(partial(progress.advance, task)))
    return paths
