import math
from collections.abc import Iterator

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from common.errors import LicError
from common.metrics.video import frame_qualities


def test_each_frame_by_itself() -> None:
    rng = np.random.default_rng(0)
    source = [rng.integers(0, 256, (170, 164, 3), np.uint8) for _ in range(2)]
    decoded = [source[0], np.clip(source[1].astype(int) + 3, 0, 255).astype(np.uint8)]
    first, second = frame_qualities(source, decoded)
    assert math.isinf(first.psnr) and first.ms_ssim == pytest.approx(1)
    assert second.psnr == pytest.approx(peak_signal_noise_ratio(source[1], decoded[1]), abs=1e-4)
    assert 0.9 < second.ms_ssim < 1


def test_frames_are_taken_one_by_one() -> None:
    taken: list[int] = []

    def frames() -> Iterator[np.ndarray]:
        for number in range(5):
            taken.append(number)
            yield np.zeros((8, 8, 3), np.uint8)

    qualities = frame_qualities(frames(), frames())
    next(qualities)
    assert taken == [0, 0]


@pytest.mark.parametrize(("source", "decoded", "short"), [(3, 2, "What was decoded ends after 2"), (2, 3, "The clip")])
def test_another_number_of_frames(source: int, decoded: int, short: str) -> None:
    frame = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(LicError, match=short):
        list(frame_qualities([frame] * source, [frame] * decoded))
