"""Figures of what a codec does: values where they can be worked out by hand."""

from typing import Any

import numpy as np
import pytest
import torch
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from support import textured

from common.viz.panels import CELL, GAP, TITLE, Panel, sheet
from lic_image import figures
from lic_image.figures import amplified, bit_map, fitting_gain, latent_bits, over, reach
from lic_image.layers.adjacent_attention import AdjacentAttention
from lic_image.watch import Refined, Seen


def test_bit_map_holds_all_bits_where_they_belong() -> None:
    y = torch.full((1, 2, 2, 2), 0.5)  # one bit each, two channels: two bits a position, four pixels each
    y[..., 0, 0] = 0.25
    z = torch.full((1, 1, 1, 1), 2.0**-16)
    out = {"x_hat": torch.zeros(1, 3, 4, 4), "likelihoods": {"y": y, "z": z}}
    bits = bit_map(out)
    assert bits.shape == (4, 4) and bits.sum().item() == pytest.approx(4 + 3 * 2 + 16)
    assert bits[0, 0].item() == pytest.approx(4 / 4 + 1) and bits[3, 3].item() == pytest.approx(2 / 4 + 1)
    assert latent_bits(out)["y"].tolist() == [[4, 2], [2, 2]] and latent_bits(out)["z"].tolist() == [[16]]


def test_bits_of_each_latent_run_from_its_least_to_its_most() -> None:
    y = torch.full((1, 1, 4, 4), 0.25)  # two bits a position, eight in the first row
    y[..., 0, :] = 2.0**-8
    z = torch.full((1, 1, 1, 1), 0.5)
    drawn = figures.latent_picture(
        {"x_hat": torch.zeros(1, 3, 64, 64), "likelihoods": {"y": y, "z": z}}, textured(64, 64)
    )
    panels = [drawn[GAP + TITLE : GAP + TITLE + CELL, x : x + CELL] for x in (GAP + i * (CELL + GAP) for i in (1, 2))]
    black, yellow = (colormaps["inferno"](end, bytes=True)[:3] for end in (0.0, 1.0))
    assert (panels[0][: CELL // 4 - 2] == yellow).all() and (panels[0][CELL // 4 + 2 :] == black).all()
    assert (panels[1] == black).all()


@torch.no_grad()
def test_attention_that_is_known_is_drawn_where_it_is() -> None:
    """All queries point at one row: it takes its columns' whole attention; along rows nothing is preferred."""
    block = AdjacentAttention(8)
    for axial in (block.vertical, block.horizontal):
        torch.nn.init.zeros_(axial.q.weight)
        torch.nn.init.ones_(axial.q.bias)
        torch.nn.init.ones_(axial.k.weight)
        torch.nn.init.zeros_(axial.k.bias)
    x = torch.zeros(1, 8, 4, 6)
    x[:, :, 2] = 10
    maps = block.maps(x)
    assert torch.allclose(maps["vertical"][0, 2], torch.tensor(4.0)) and maps["vertical"][0, [0, 1, 3]].max() < 1e-6
    assert torch.allclose(maps["horizontal"], torch.tensor(1.0))

    rgb = np.full((60, 90, 3), 128, np.uint8)  # of 64 x 96 pixels: positions are 16 x 16
    drawn = figures.maps_picture("g_a.attention", maps, rgb, (64, 96))
    height = CELL * 60 // 90
    panels = [
        drawn[GAP + TITLE : GAP + TITLE + height, x : x + CELL].astype(int)
        for x in (GAP + i * (CELL + GAP) for i in range(3))
    ]
    photograph, vertical, horizontal = panels
    assert (photograph == 128).all()
    redness = vertical[..., 0] - vertical[..., 2]
    rows = np.arange(height) * 60 // height
    inside, outside = (rows > 33) & (rows < 47), (rows < 31) | (rows > 49)
    assert redness[inside].min() > 60 and redness[outside].max() < -60
    assert abs(horizontal[..., 0] - horizontal[..., 2]).max() < 10


def test_an_importance_map_is_a_part_of_the_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Yellow where all are kept, violet where none is, and no word of attention."""
    drawn: dict[str, Any] = {}
    monkeypatch.setattr("lic_image.figures.sheet", lambda rows, caption, *_: drawn.update(rows=rows, caption=caption))
    part = torch.zeros(1, 1, 2)
    part[..., 0] = 1
    figures.attention_picture(
        Seen(maps={"importance": {"importance": part}}), np.zeros((16, 32, 3), np.uint8), (16, 32)
    )
    left, right = (drawn["rows"][0][1].rgb[:, half].reshape(-1, 3).mean(0) for half in (slice(16), slice(16, None)))
    assert left[0] > left[2] and right[2] > right[0]
    assert "0.50 on average" in drawn["caption"] and "column" not in drawn["caption"]


def test_a_position_covers_its_pixels_and_padding_is_cut() -> None:
    value = np.array([[0.0, 1.0]])
    grey = ScalarMappable(Normalize(0, 1), colormaps["gray"])
    drawn = over(np.zeros((3, 5, 3), np.uint8), value, grey, (4, 8))
    assert drawn.shape == (3, 5, 3) and (drawn[:, :4] == 0).all() and (drawn[:, 4] == round(0.65 * 255)).all()


def test_reach_of_the_colour_bar() -> None:
    assert reach(np.full(9, 1.0)) == 1.1
    assert reach(np.array([0.3, 1.0, 1.0])) == 4
    assert reach(np.array([0.0, 100.0])) == 16


def test_difference_is_amplified_around_grey() -> None:
    before = torch.full((1, 3, 2, 2), 0.5)
    after = before.clone()
    after[0, 0, 0, 0] += 0.01  # red, upper left
    after[0, 2, 1, 1] -= 0.2  # blue, lower right: beyond what can be shown
    drawn = amplified(before, after, 10)
    assert drawn[0, 0].tolist() == [round(0.6 * 255), 128, 128] and drawn[1, 1].tolist() == [128, 128, 0]
    assert (drawn[0, 1] == 128).all()


@pytest.mark.parametrize(("change", "gain"), [(0.0, 100), (0.004, 100), (0.02, 20), (0.6, 1)])
def test_gain_shows_all_without_cutting_it_off(change: float, gain: int) -> None:
    before = torch.full((1, 3, 8, 8), 0.2)
    assert fitting_gain(before, before + change) == gain


def test_refinement_shows_both_pictures_and_what_they_reach() -> None:
    rgb = textured(40, 60)
    x = torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None] / 255
    padded = torch.nn.functional.pad(x, (0, 4, 0, 24))
    drawn = figures.refinement_picture(Refined(padded * 0, padded), rgb)
    top, height = GAP + TITLE, CELL * 40 // 60
    before, after, difference = (
        drawn[top : top + height, x : x + CELL] for x in (GAP + i * (CELL + GAP) for i in range(3))
    )
    assert (before == 0).all()
    expected = sheet([[Panel("", rgb)]], "")
    assert (after == expected[GAP : GAP + height, GAP : GAP + CELL]).all()
    assert difference.min() >= 127, "nothing got darker"


def test_gates_are_bars_up_and_down_from_one_half() -> None:
    gates = torch.tensor([[0.0, 1.0, 0.5, 0.5]])
    drawn = figures.gates_picture({"g_a.attention": gates}).astype(int)
    rows, columns = np.nonzero(drawn[..., 2] - drawn[..., 0] > 120)
    middle = (columns.min() + columns.max()) / 2
    centre = (rows.min() + rows.max()) / 2
    assert (rows[columns < middle - 2] >= centre - 2).all() and (rows[columns > middle + 2] <= centre + 2).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (700, 1), (64, 64)])
def test_any_size_is_drawn(size: tuple[int, int]) -> None:
    rgb = textured(*size)
    padded = tuple(side + -side % 64 for side in size)
    picture = torch.rand(1, 3, *padded)
    seen = Seen(maps={"g_a.attention": {"mask": torch.rand(1, padded[0] // 16, padded[1] // 16)}})
    out = {"x_hat": picture, "likelihoods": {"y": torch.rand(1, 2, padded[0] // 16, padded[1] // 16)}}
    for drawn in (
        figures.attention_picture(seen, rgb, padded),
        figures.refinement_picture(Refined(picture, picture), rgb),
        figures.latent_picture(out, rgb),
    ):
        assert drawn is not None and drawn.dtype == np.uint8
        assert drawn[0].min() == drawn[:, 0].min() == drawn[-1].min() == 255, "light, nothing cut at the edge"
        assert drawn.shape[1] >= 500 and len(np.unique(drawn)) > 20
    assert figures.attention_picture(Seen(), rgb, padded) is None
