"""What the measurements of pictures and of clips have in common: jobs side by side, points, files that are kept."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import torch

from common.metrics.own import OwnMetrics, means
from common.results.points import aggregate

Job = TypeVar("Job")
Result = TypeVar("Result")


def side_by_side(work: Callable[[Job], Result], jobs: Iterable[Job], workers: int) -> list[Result]:
    """`work` of every job, in their order, `workers` at a time, with one thread of torch each.

    The first error is raised when those that had begun are done; the others are not begun.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the pool has the processors already
    pool = ThreadPoolExecutor(workers)
    try:
        return list(pool.map(work, jobs))
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


def point(records: Sequence[Mapping[str, Any]], quality: int, metrics: OwnMetrics) -> dict[str, float | None]:
    """Means over the records of one quality: rate, PSNR, MS-SSIM, `metrics` and seconds."""
    own = [record for record in records if record["quality"] == quality]
    times = {key: sum(record[key] for record in own) / len(own) for key in ("encoding_time", "decoding_time")}
    return {"quality": quality, **aggregate(own), **means(metrics, own), **times}


def made_by(encoder: str, version: str, command: str) -> dict[str, str]:
    """With what a measurement can be made again."""
    return {"encoder": encoder, "version": version, "command": command}


def holds(path: Path, head: Mapping[str, Any], qualities: Sequence[int], metrics: OwnMetrics) -> bool:
    """Whether `path` has a measurement at these qualities, with `metrics`, whose keys of `head` have these values."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        known = data.get("metrics", {})
        same = all(known.get(name) == metric.said() for name, metric in metrics.items())
        return same and all(data[key] == head[key] for key in head) and data["results"]["quality"] == list(qualities)
    except (OSError, ValueError, KeyError, TypeError):
        return False
