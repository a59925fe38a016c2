"""Measures of one's own beside a protocol's: a function or a `torchmetrics.Metric`, and a config of the group `metric`.

Of photographs and of the frames of clips it is called with (x_hat, x): what was decoded and the original, float
(1, 3, H, W), 8-bit values divided by 255; of optical flow with (flow_hat, flow, valid): float (1, 2, H, W) in pixels,
and bool (1, H, W), where the true flow is known. It gives one number, or None where it has none.

A measure of whole clips has `begin(size, rate)` instead, see `ClipMeasure`; a photograph is a clip of one frame.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from threading import Lock
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
import torchmetrics
from numpy.typing import NDArray
from torch import Tensor

from common.errors import LicError

STILL = Fraction(25)  # the rate of a clip of one frame, which nothing depends on

# What records of photographs, frames, clips and pairs have already.
TAKEN = frozenset(
    (
        "file", "source", "set", "pair", "sequence", "frame", "kind", "frames", "width", "height", "bytes", "bits",
        "bpp", "bpp_estimated", "psnr", "ms_ssim", "ms_ssim_db", "encoding_time", "decoding_time", "identical",
        "bits_estimated", "bits_motion", "bpp_motion", "psnr_copied", "psnr_warped", "psnr_predicted",
        "quality", "sha256", "qp", "crf", "lmbda", "seed", "seeds", "curve",
        "epe", "fl_all", "zero_epe", "still_error", "warp_error", "psnr_inside", "psnr_outside",
        "class", "told", "accuracy", "average_precision", "recall_at_1",
    )
)  # fmt: skip


class ClipSession(Protocol):
    """The measurement of one clip."""

    def add(self, decoded: NDArray[np.uint8], rgb: NDArray[np.uint8]) -> None:
        """The next frame, as it was decoded and as it was; both uint8 (H, W, 3)."""

    def figures(self) -> list[float]:
        """One number a frame, when all have been added."""

    def close(self) -> None:
        """Give back what the measurement holds; also where it is left before its end."""


@runtime_checkable
class ClipMeasure(Protocol):
    """A measure of clips whose figure of a frame depends on others."""

    def begin(self, size: tuple[int, int], rate: Fraction) -> ClipSession:
        """Begin with a clip of frames of `size` (height, width), `rate` a second."""


class OwnMetric:
    """A measure and how reports call it.

    Args:
        of: a function of the tensors above, a `torchmetrics.Metric` that is updated with them, or a `ClipMeasure`.
        title: on axes and in tables; its name by default.
        unit: likewise.
        higher_is_better: what the metric says, or True, by default.
        least_side: pixels; of pictures with a shorter side there is no figure.
    """

    def __init__(
        self,
        of: Callable[..., Any] | torchmetrics.Metric | ClipMeasure,
        title: str | None = None,
        unit: str = "",
        higher_is_better: bool | None = None,
        least_side: int = 1,
    ) -> None:
        said = getattr(of, "higher_is_better", None) if higher_is_better is None else higher_is_better
        self.of, self.title, self.unit, self.higher_is_better = of, title, unit, said is not False
        self.least_side = least_side
        self._lock = Lock()  # a torchmetrics.Metric has a state, and benches measure in several threads

    @torch.no_grad()
    def __call__(self, *tensors: Tensor) -> float | None:
        """One number; None where it is infinite or not defined."""
        if not self.defined_for(tensors[0].shape[-2:]):
            return None
        if isinstance(self.of, torchmetrics.Metric):
            with self._lock:
                self.of.reset()
                self.of.update(*tensors)
                value = self.of.compute()
        else:
            assert callable(self.of)
            value = self.of(*tensors)
        if value is None:
            return None
        if isinstance(value, Tensor) and value.numel() != 1:
            raise LicError(f"the metric {self.title} gives values of shape {tuple(value.shape)}, not one number.")
        return _finite(float(value))

    def defined_for(self, size: Sequence[int]) -> bool:
        """Whether it has a figure of pictures of `size`, height and width."""
        return min(size) >= self.least_side

    def said(self) -> dict[str, Any]:
        """What a result says of it."""
        of = getattr(self.of, "func", self.of)
        name = getattr(of, "__qualname__", type(of).__qualname__)
        arguments = {key: repr(value) for key, value in getattr(self.of, "keywords", {}).items()}
        said = {"title": self.title, "unit": self.unit, "higher_is_better": self.higher_is_better}
        arguments |= getattr(of, "arguments", {})
        return {**said, "of": f"{of.__module__}.{name}", **({"arguments": arguments} if arguments else {})}


OwnMetrics = Mapping[str, OwnMetric]
Given = Mapping[str, Any] | None  # as a config has them: measures, plain functions or a `torchmetrics.Metric`, by name


def checked(metrics: Given) -> dict[str, OwnMetric]:
    """`metrics` as measures, titled by their names where they have no title; `LicError` for a name that is taken."""
    found = {}
    for name, metric in (metrics or {}).items():
        if name in TAKEN or not name.isidentifier():
            raise LicError(f"a metric cannot be called {name!r}: that stands for something else; give it another name.")
        found[name] = metric if isinstance(metric, OwnMetric) else OwnMetric(metric)
        found[name].title = found[name].title or name
    return found


class Measuring:
    """The metrics of a clip's frames, as they come, or of a photograph. A context: what it holds is given back.

    Args:
        rate: frames a second.
    """

    def __init__(self, metrics: OwnMetrics, rate: Fraction = STILL) -> None:
        self._metrics, self._rate = metrics, rate
        self._sessions: dict[str, ClipSession] = {}
        self._figures: list[dict[str, float | None]] = []

    def __enter__(self) -> "Measuring":
        return self

    def __exit__(self, *_: object) -> None:
        for session in self._sessions.values():
            session.close()

    def add(self, rgb: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> None:
        """The next frame, as it was and as it was decoded; both are uint8 (H, W, 3)."""
        found: dict[str, float | None] = {}
        if self._metrics:
            x, x_hat = (torch.tensor(p).permute(2, 0, 1)[None].contiguous().float() / 255 for p in (rgb, decoded))
        for name, metric in self._metrics.items():
            if not metric.defined_for(rgb.shape[:2]):
                found[name] = None
            elif isinstance(metric.of, ClipMeasure):
                if name not in self._sessions:
                    self._sessions[name] = metric.of.begin((rgb.shape[0], rgb.shape[1]), self._rate)
                self._sessions[name].add(decoded, rgb)
            else:
                found[name] = metric(x_hat, x)
        self._figures.append(found)

    def figures(self) -> list[dict[str, float | None]]:
        """Of every frame that was added, by the metrics' names in their order."""
        clips = {name: session.figures() for name, session in self._sessions.items()}
        return [
            {name: _finite(clips[name][place]) if name in clips else found[name] for name in self._metrics}
            for place, found in enumerate(self._figures)
        ]


def measured(metrics: OwnMetrics, rgb: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> dict[str, float | None]:
    """Every metric of a decoded picture; both are uint8 (H, W, 3)."""
    with Measuring(metrics) as measuring:
        measuring.add(rgb, decoded)
        return measuring.figures()[0]


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def means(metrics: OwnMetrics, records: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Means over records that each count the same; None where one of them has none."""
    found: dict[str, float | None] = {}
    for name in metrics:
        values = [record[name] for record in records]
        found[name] = None if None in values or not values else math.fsum(values) / len(values)
    return found


def described(metrics: OwnMetrics) -> dict[str, Any]:
    """What a result has of them beside their figures; nothing without any."""
    return {"metrics": {name: metric.said() for name, metric in metrics.items()}} if metrics else {}
