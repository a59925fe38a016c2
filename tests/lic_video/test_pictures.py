"""The sheet of a P frame: every panel shows what its title says."""

import numpy as np
import pytest
import torch
from support import textured
from torch import Tensor

from common.coding.codec_files import to_input
from common.viz.flow_colours import flow_picture
from common.viz.panels import CELL, GAP, TITLE
from lic_video import pictures
from lic_video.codecs.contract import Coded
from lic_video.codecs.skeleton import Intermediates
from lic_video.pictures import frame_sheet

HEIGHT, WIDTH = 60, 90  # panels are four times as large


def constant(*values: float) -> Tensor:
    return torch.tensor(values).view(1, -1, 1, 1).expand(1, len(values), 64, 96).clone()


def case(rgb: np.ndarray, **changes: Tensor) -> tuple[np.ndarray, Tensor, Coded]:
    """A frame, a black reference, and intermediates that each have another colour."""
    intermediates = {
        "flow": constant(3.0, 0.0),
        "flow_hat": constant(0.0, 3.0),
        "warped": constant(0.2, 0.0, 0.0),
        "prediction": constant(0.0, 0.2, 0.0),
        "residual_hat": constant(0.1, 0.0, -0.1),
        "before": constant(0.0, 0.0, 0.2),
    }
    x_hat = changes.pop("x_hat", constant(0.0, 0.1, 0.2))
    return rgb, constant(0.0, 0.0, 0.0), Coded(x_hat, {}, Intermediates(**(intermediates | changes)))


def test_maps_of_blocks_stand_behind_the_others_each_in_a_scale_of_its_own() -> None:
    maps = {name: torch.linspace(low, high, 24).view(1, 4, 6) for name, low, high in (("a", 1, 2), ("b", -3, 50))}
    args = case(textured(HEIGHT, WIDTH))
    plain, with_maps, more = (frame_sheet(*args, found) for found in (None, maps, {**maps, "c": maps["a"]}))
    height = CELL * HEIGHT // WIDTH
    top = 3 * (GAP + TITLE) + 2 * height
    shown = [with_maps[top : top + height, GAP + i * (CELL + GAP) :][:, :CELL] for i in range(4)]
    assert np.array_equal(shown[0], plain[top : top + height, GAP:][:, :CELL])
    assert np.array_equal(shown[2], shown[3]), "both from the least to the most"
    # 64x96 pixels are 4x6 positions; the frame's 60 rows end within the last of them
    first, right, last = shown[2][2, 2], shown[2][2, -3], shown[2][-3, -3]
    assert first.sum() < right.sum() < last.sum() and first.sum() < 10
    assert more.shape[0] > with_maps.shape[0], "a fifth panel has a row of its own"


def panels(drawn: np.ndarray) -> list[np.ndarray]:
    """The ten panels, row by row, at the size of the frame."""
    height = CELL * HEIGHT // WIDTH
    tops = [GAP + TITLE + row * (GAP + TITLE + height) for row in range(3)]
    shown = [drawn[y : y + height, GAP + i * (CELL + GAP) :][:, :CELL] for y in tops for i in range(4)]
    assert all((panel == 255).all() for panel in shown[10:]), "the last two places are empty"
    return [panel[2::4, 2::4] for panel in shown[:10]]


def test_panels_are_the_frame_and_its_intermediates_cut_to_its_size() -> None:
    rgb = textured(HEIGHT, WIDTH)
    beyond = constant(3.0, 0.0)
    beyond[..., HEIGHT:, :] = 50.0  # what pads the frame sets no scale
    shown = panels(frame_sheet(*case(rgb, flow=beyond)))
    assert np.array_equal(shown[0], rgb)
    assert (shown[2] == (255, 0, 0)).all(), "the fastest that is shown is the rim"
    # levels 51 = 0.2 x 255; a residual of ±0.1 is shown as 0.5 ± 0.4; 0.1 x 255 rounds to 26, four times that to 102
    expected = {
        "reference": (1, (0, 0, 0)),
        "warped": (4, (51, 0, 0)),
        "prediction": (5, (0, 51, 0)),
        "residual": (6, (230, 128, 25)),
        "sum": (7, (0, 0, 51)),
        "added": (8, (128, 230, 128)),
        "decoded": (9, (0, 26, 51)),
    }
    for name, (place, colour) in expected.items():
        assert np.abs(shown[place].astype(int) - colour).max() <= 1, name


def test_both_flows_share_a_scale_whose_rim_is_the_estimated_ones_fastest() -> None:
    flow = constant(3.0, 0.0)
    flow[:, :, :20] /= 2
    decoded = constant(0.0, 6.0)
    shown = panels(frame_sheet(*case(textured(HEIGHT, WIDTH), flow=flow, flow_hat=decoded)))
    assert shown[2][40, 40].tolist() == [255, 0, 0] and shown[2][10, 40].tolist() == [255, 127, 127]
    beyond = flow_picture(np.array([[[0.0]], [[6.0]]]), max_speed=3.0)[0, 0]
    assert np.array_equal(shown[3][40, 40], beyond) and beyond.max() < 200, "darkened"


def test_the_noise_of_a_still_scene_is_pale() -> None:
    still = case(textured(HEIGHT, WIDTH), flow=constant(0.0, 0.0), flow_hat=constant(0.01, 0.02))
    shown = panels(frame_sheet(*still))
    assert (shown[2] == 255).all() and shown[3].min() >= 240


def test_titles_tell_speed_and_decibels(monkeypatch: pytest.MonkeyPatch) -> None:
    titles: list[str] = []
    monkeypatch.setattr(pictures, "sheet", lambda rows, *_: titles.extend(panel.title for row in rows for panel in row))
    rgb = np.full((HEIGHT, WIDTH, 3), 100, np.uint8)
    x = to_input(rgb, 32)
    near = (x * 255 + 16) / 255
    frame_sheet(*case(rgb, flow=constant(3.0, -4.0), warped=near, x_hat=x))
    assert titles[1:3] == [f"reference as it is, {20 * np.log10(2.55):.2f} dB", "flow, up to 5.0 px"]
    assert titles[4] == "reference, warped, 24.05 dB" and titles[9] == "decoded frame, lossless"
    assert len(titles) == 12 and titles[10:] == ["", ""]
