from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from common import ffmpeg_program
from common.errors import LicError
from common.metrics.ffmpeg_measures import FfmpegMeasure
from common.metrics.own import Measuring, OwnMetric, checked, measured
from common.metrics.video import frame_qualities

RATE = Fraction(30)
needs_program = pytest.mark.skipif(
    bool(ffmpeg_program.lacking("VMAF", "filter", "libvmaf")), reason="needs the extra anchors"
)
pytestmark = needs_program


def clip(frames: int, noise: float = 0.0) -> Iterator[NDArray[np.uint8]]:
    """A grain of blobs that moves by two pixels a frame."""
    random = np.random.default_rng(0)
    blobs = gaussian_filter(random.normal(size=(96, 160 + 2 * frames, 3)), (2, 2, 0))
    for t in range(frames):
        frame = 128 + 50 * blobs[:, 2 * t : 2 * t + 160] / blobs.std()
        yield np.clip(frame + noise * random.normal(size=frame.shape), 0, 255).astype(np.uint8)


def figures(name: str, frames: int, noise: float) -> list[float]:
    metrics = checked({name: OwnMetric(FfmpegMeasure(name))})  # type: ignore[arg-type]
    return [q.own[name] for q in frame_qualities(clip(frames), clip(frames, noise), RATE, metrics)]  # type: ignore[misc]


@pytest.mark.parametrize("name", ["vmaf", "xpsnr"])
def test_one_figure_a_frame_and_less_with_more_noise(name: str) -> None:
    little, much = figures(name, 5, 4.0), figures(name, 5, 16.0)
    assert len(little) == len(much) == 5
    assert all(a > b + 3 for a, b in zip(little, much))


def test_vmaf_of_equal_clips_is_near_its_end() -> None:
    assert min(figures("vmaf", 4, 0.0)) > 90


def test_vmaf_of_a_clip_knows_its_motion() -> None:
    """The same pictures one by one, as photographs, have another figure: motion hides errors."""
    metrics = checked({"vmaf": OwnMetric(FfmpegMeasure("vmaf"))})
    frames, noisy = list(clip(4)), list(clip(4, 16.0))
    alone = [measured(metrics, *pair)["vmaf"] for pair in zip(frames, noisy)]
    together = [q.own["vmaf"] for q in frame_qualities(frames, noisy, RATE, metrics)]
    assert together[-1] != pytest.approx(alone[-1], abs=0.1)
    assert alone[-1] == pytest.approx(measured(metrics, frames[-1], noisy[-1])["vmaf"])


def test_a_photograph_of_odd_sides() -> None:
    metrics = checked({name: OwnMetric(FfmpegMeasure(name)) for name in ("vmaf", "xpsnr")})  # type: ignore[arg-type]
    frame, noisy = (next(clip(1, noise))[:75, :99] for noise in (0.0, 8.0))
    found = measured(metrics, frame, noisy)
    assert list(found) == ["vmaf", "xpsnr"] and all(value is not None and value > 10 for value in found.values())
    assert measured(metrics, frame, frame)["xpsnr"] is None  # infinite


def test_a_measurement_can_be_left() -> None:
    metrics = checked({"vmaf": OwnMetric(FfmpegMeasure("vmaf"))})
    with pytest.raises(KeyboardInterrupt), Measuring(metrics, RATE) as measuring:
        measuring.add(next(clip(1)), next(clip(1)))
        session = measuring._sessions["vmaf"]
        raise KeyboardInterrupt
    assert session._feed._process.poll() is not None  # type: ignore[attr-defined]


def test_results_say_model_and_version() -> None:
    said = OwnMetric(FfmpegMeasure("vmaf"), "VMAF").said()
    assert said["arguments"] == {"measure": "vmaf", "model": "vmaf_v0.6.1", "version": ffmpeg_program.version()}
    assert said["of"] == "common.metrics.ffmpeg_measures.FfmpegMeasure" and said["higher_is_better"] is True


def test_no_such_model_is_ffmpegs_own_sentence() -> None:
    metrics = checked({"vmaf": OwnMetric(FfmpegMeasure("vmaf", "vmaf_v9"))})
    with pytest.raises(LicError, match="model"):
        measured(metrics, next(clip(1)), next(clip(1)))


def test_without_the_extra_it_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg_program, "program", lambda: None)
    with pytest.raises(LicError, match="extra anchors"):
        FfmpegMeasure("xpsnr")
    with pytest.raises(LicError, match="vmaf or xpsnr"):
        FfmpegMeasure("ssim")  # type: ignore[arg-type]
