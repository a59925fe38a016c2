import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from scipy.ndimage import gaussian_filter

from common.data.clip_display import CONVERSIONS, to_rgb
from common.data.yuv import to_yuv420


def picture(height: int, width: int) -> np.ndarray:
    smooth = gaussian_filter(np.random.default_rng(0).normal(size=(height, width, 3)), (3, 3, 0))
    return np.clip(128 + 40 * smooth / smooth.std(), 20, 235).astype(np.uint8)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


@pytest.mark.parametrize("conversion", CONVERSIONS)
def test_what_came_from_yuv_comes_back(conversion: str) -> None:
    once = to_rgb(to_yuv420(picture(48, 66), conversion), VideoReformatter(), conversion)
    twice = to_rgb(to_yuv420(once, conversion), VideoReformatter(), conversion)
    assert psnr(once, twice) > 52
    assert abs(twice.mean() - once.mean()) < 0.1  # no pass darkens
    many = once
    for _ in range(5):
        many = to_rgb(to_yuv420(many, conversion), VideoReformatter(), conversion)
    assert psnr(once, many) > 50


@pytest.mark.parametrize(("conversion", "kr", "kb"), [("ffmpeg_default", 0.299, 0.114), ("bt709", 0.2126, 0.0722)])
@pytest.mark.parametrize("rgb", [(200, 40, 40), (30, 180, 60), (20, 50, 220), (128, 128, 128), (0, 0, 0)])
def test_flat_colours_are_the_matrix(conversion: str, kr: float, kb: float, rgb: tuple[int, int, int]) -> None:
    planes = to_yuv420(np.full((16, 16, 3), rgb, np.uint8), conversion).to_ndarray()
    r, g, b = rgb
    y = kr * r + (1 - kr - kb) * g + kb * b
    expected = 16 + 219 / 255 * y, 128 + 112 / 255 * (b - y) / (1 - kb), 128 + 112 / 255 * (r - y) / (1 - kr)
    for plane, value in zip((planes[:16], planes[16:20], planes[20:]), expected):
        assert np.ptp(plane) == 0 and abs(float(plane.flat[0]) - value) <= 2


def test_chroma_of_single_pixels_is_lost_but_luma_is_not() -> None:
    rgb = np.zeros((16, 16, 3), np.uint8)
    rgb[:, ::2], rgb[:, 1::2] = (200, 60, 60), (60, 60, 200)
    back = to_rgb(to_yuv420(rgb, "ffmpeg_default"), VideoReformatter(), "ffmpeg_default").astype(float)
    weights = np.array([0.299, 0.587, 0.114])
    assert np.abs((back - rgb) @ weights).max() < 2 and psnr(rgb, back) < 20
