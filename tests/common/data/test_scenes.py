import math

import numpy as np
import pytest
from numpy.typing import NDArray

from common.data import raster
from common.data.scenes import CAMERA, LAYER, Scene, motion, pair, render, scene, still
from common.data.textures import noise_tiles


def plain(height: int, width: int, *layers: dict) -> Scene:
    """Flat white layers over a black background, seen by a camera that changes nothing."""
    records = np.zeros(len(layers) + 1, LAYER)
    for record, fields in zip(records, [*layers, {"shape": raster.EVERYWHERE, "first": 0.0}]):
        defaults = {"a": 1.0, "b": 1.0, "bound": 1.0, "softness": 1.0, "first": 1.0, "inverse_rough": 1.0}
        for name, value in {**defaults, "inverse_grain": 1.0, **fields}.items():
            record[name] = value
    camera = np.zeros(1, CAMERA)
    camera["balance"] = 1
    return Scene(height, width, records, camera)


def area(picture: NDArray[np.uint8]) -> float:
    return float(((picture[..., 0] / 255.0) ** 2).sum())  # back to linear light


@pytest.mark.parametrize("angle", [0.0, 0.7, 2.0])
def test_an_ellipse_covers_its_area(angle: float) -> None:
    picture = render(plain(80, 100, {"cx": 50.3, "cy": 40.6, "a": 30.0, "b": 12.0, "angle": angle}))
    assert area(picture) == pytest.approx(math.pi * 30 * 12, rel=0.005)
    assert picture[40, 50, 0] == 255 and picture[0, 0, 0] == 0
    u, v = 27 * math.cos(angle), 27 * math.sin(angle)  # along the long axis
    assert picture[round(40.6 + v), round(50.3 + u), 1] == 255
    assert picture[round(40.6 + u), round(50.3 - v), 1] == 0


def test_a_polygon_covers_its_area() -> None:
    square = {"shape": raster.POLYGON, "sides": 4, "bound": 1.5, "a": 20.0, "b": 20.0, "cx": 32.0, "cy": 32.0}
    square |= {"normal_u": [1, 0, -1, 0, 0, 0], "normal_v": [0, 1, 0, -1, 0, 0], "apothem": [20, 10, 20, 10, 0, 0]}
    assert area(render(plain(64, 64, square))) == pytest.approx(40 * 20, rel=0.01)


def test_a_blob_covers_its_area() -> None:
    blob = {"cx": 40.0, "cy": 40.0, "a": 25.0, "b": 25.0, "bound": 1.3, "cosines": [0.2, 0, 0], "sines": [0, 0.1, 0]}
    expected = math.pi * 25**2 * (1 + (0.2**2 + 0.1**2) / 2)  # the integral of r^2 / 2 over the angle
    assert area(render(plain(80, 80, blob))) == pytest.approx(expected, rel=0.01)


def test_the_layer_in_front_hides_what_is_behind() -> None:
    front = {"cx": 20.0, "cy": 20.0, "a": 10.0, "b": 10.0, "first": [1, 0, 0]}
    behind = {"cx": 26.0, "cy": 20.0, "a": 10.0, "b": 10.0, "first": [0, 1, 0]}
    picture = render(plain(40, 50, front, behind))
    assert tuple(picture[20, 28]) == (255, 0, 0) and tuple(picture[20, 34]) == (0, 255, 0)


def test_layers_move_as_they_say() -> None:
    moving = {"cx": 20.0, "cy": 30.0, "a": 8.0, "b": 8.0, "vx": 5.0, "vy": -3.0, "growth": math.log(1.5)}
    view = plain(64, 64, moving)
    later = render(view, 2.0)
    assert area(later) == pytest.approx(area(render(view)) * 1.5**4, rel=0.01)
    y, x = np.nonzero(later[..., 0])
    assert x.mean() == pytest.approx(30, abs=0.2) and y.mean() == pytest.approx(24, abs=0.2)

    seen = motion(view, 0.0, 2.0)
    np.testing.assert_allclose(seen.flow[:, 30, 20], [10, -6], atol=1e-5)
    np.testing.assert_allclose(seen.flow[:, 30, 24], [10 + 4 * 1.25, -6], atol=1e-5)
    np.testing.assert_array_equal(seen.flow[:, 60, 60], [0, 0])
    assert seen.occluded[24, 40] and not seen.occluded[30, 20] and not seen.occluded[60, 60]


def test_a_turn_moves_every_pixel_about_the_centre() -> None:
    seen = motion(plain(64, 64, {"cx": 32.0, "cy": 32.0, "a": 20.0, "b": 20.0, "spin": math.pi / 2}), 0.0, 1.0)
    np.testing.assert_allclose(seen.flow[:, 32, 42], [-10, 10], atol=1e-5)


def test_flow_leads_to_the_same_colours() -> None:
    for index in range(3):
        view = scene(5, index, 96, 96)
        view.camera["noise"] = 0
        for static in ("light_x", "light_y", "vignette", "dapple"):
            view.camera[static] = 0
        first, second = (render(view, t).astype(np.float64).mean(2) for t in (0.0, 1.0))
        seen = motion(view, 0.0, 1.0)
        y, x = np.mgrid[:96, :96]
        nearest = (
            np.clip(np.rint(y + seen.flow[1]), 0, 95).astype(int),
            np.clip(np.rint(x + seen.flow[0]), 0, 95).astype(int),
        )
        visible = ~seen.occluded
        assert visible.mean() > 0.5
        followed = np.abs(second[nearest] - first)[visible].mean()
        ignored = np.abs(second - first)[visible].mean()
        assert followed < 0.75 * ignored or ignored < 2


def test_a_scene_depends_on_seed_index_and_size_alone() -> None:
    picture = still(1, 2, 48, 64)
    assert picture.shape == (48, 64, 3) and picture.dtype == np.uint8
    still(9, 9, 20, 20)
    np.testing.assert_array_equal(still(1, 2, 48, 64), picture)
    assert (still(1, 3, 48, 64) != picture).mean() > 0.5 and (still(2, 2, 48, 64) != picture).mean() > 0.5


def test_scenes_do_not_change_from_one_version_to_the_next() -> None:
    # A change here changes what every seed trains on: say so where releases are described.
    means = [float(still(0, index, 64, 64).mean()) for index in range(4)]
    assert means == pytest.approx([93.83, 101.13, 94.32, 146.65], abs=0.3)


@pytest.mark.parametrize("height, width", [(1, 1), (1, 40), (17, 3), (200, 30)])
def test_any_size(height: int, width: int) -> None:
    for index in range(5):
        assert still(0, index, height, width).shape == (height, width, 3)


def slope(picture: NDArray[np.uint8]) -> float:
    """Of the radially averaged power spectrum of luma, on logarithmic axes."""
    size = len(picture)
    luma = picture @ np.array([0.299, 0.587, 0.114])
    window = np.hanning(size)
    power = np.abs(np.fft.fft2((luma - luma.mean()) * window * window[:, None])) ** 2
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(size, 1 / size), np.fft.fftfreq(size, 1 / size)))
    radii = np.arange(3, size // 2)
    means = [power[np.abs(f - r) < 0.5].mean() for r in radii]
    return float(np.polyfit(np.log(radii), np.log(means), 1)[0])


def test_statistics_of_photographs() -> None:
    pictures = [still(0, index, 256, 256) for index in range(16)]
    assert -2.7 < np.mean([slope(picture) for picture in pictures]) < -1.6  # Kodak: -2.3 at this size
    luma = [picture @ np.array([0.299, 0.587, 0.114]) for picture in pictures]
    blue = [0.564 * (picture[..., 2] - y) for picture, y in zip(pictures, luma)]
    assert 20 < np.mean([y.std() for y in luma]) < 60
    assert np.mean([cb.std() for cb in blue]) < 0.5 * np.mean([y.std() for y in luma])
    assert 80 < np.mean(luma) < 150
    assert np.mean([(picture == 255).mean() for picture in pictures]) < 0.05


def test_noise_tiles() -> None:
    tiles = noise_tiles()
    assert tiles.shape == (3, raster.TILE, raster.TILE)
    np.testing.assert_allclose(tiles.mean((1, 2)), 0, atol=0.02)
    np.testing.assert_allclose(tiles.std((1, 2)), 1, atol=0.05)
    for tile in tiles:  # periodic: the step across the border is like any other
        assert np.abs(tile[0] - tile[-1]).mean() < 1.3 * np.abs(np.diff(tile, axis=0)).mean()


def test_a_pair_is_what_its_parts_are() -> None:
    view = scene(5, 3, 40, 56)
    first, second, seen = pair(view, 0.0, 2.0)
    alone = motion(view, 0.0, 2.0)
    assert np.array_equal(first, render(view)) and np.array_equal(second, render(view, 2.0))
    assert np.array_equal(seen.flow, alone.flow) and np.array_equal(seen.occluded, alone.occluded)
