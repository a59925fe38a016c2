import math
import weakref
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from common.errors import LicError
from common.metrics.video import frame_qualities

RATE = Fraction(25)


def test_each_frame_by_itself() -> None:
    rng = np.random.default_rng(0)
    source = [rng.integers(0, 256, (170, 164, 3), np.uint8) for _ in range(2)]
    decoded = [source[0], np.clip(source[1].astype(int) + 3, 0, 255).astype(np.uint8)]
    first, second = frame_qualities(source, decoded, RATE)
    assert math.isinf(first.psnr) and first.ms_ssim == pytest.approx(1)
    assert second.psnr == pytest.approx(peak_signal_noise_ratio(source[1], decoded[1]), abs=1e-4)
    assert 0.9 < second.ms_ssim < 1


def test_no_frame_is_held() -> None:
    alive: set[int] = set()

    def frames() -> Iterator[np.ndarray]:
        for number in range(10):
            frame = np.zeros((8, 8, 3), np.uint8)
            alive.add(number)
            weakref.finalize(frame, alive.discard, number)
            assert len(alive) <= 3  # this one, and the last in the hands of those who asked for it
            yield frame

    assert len(frame_qualities(frames(), [np.ones((8, 8, 3), np.uint8)] * 10, RATE)) == 10


@pytest.mark.parametrize(("source", "decoded", "short"), [(3, 2, "What was decoded ends after 2"), (2, 3, "The clip")])
def test_another_number_of_frames(source: int, decoded: int, short: str) -> None:
    frame = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(LicError, match=short):
        frame_qualities([frame] * source, [frame] * decoded, RATE)
