"""Figures of a pair and of what a network does with it: values where they can be worked out by hand."""

import numpy as np
import torch
from matplotlib import colormaps
from support import textured

from common.viz.flow_colours import flow_picture
from common.viz.panels import CELL, GAP, TITLE
from lic_flow.cost_figures import BETWEEN, confidences_picture, costs_picture, guesses_picture, search_picture
from lic_flow.figures import (
    HIDDEN,
    augmented_picture,
    correction_picture,
    features_picture,
    mask_picture,
    pair_picture,
    principal,
    rgb,
    signed,
    steps_picture,
)
from lic_flow.pictures import ERROR_COLOURS
from lic_flow.watch import Repaired, Seen, Step

H, W = 64, 96
HEIGHT = CELL * H // W
VIRIDIS = (colormaps["viridis"]([0.0, 1.0], bytes=True)[:, :3]).astype(int)


def panel(drawn: np.ndarray, column: int, row: int = 0, height: int = HEIGHT) -> np.ndarray:
    """A panel of rows that all have titles."""
    top, left = row * (GAP + TITLE + height) + GAP + TITLE, GAP + column * (CELL + GAP)
    return drawn[top : top + height, left : left + CELL].astype(int)


def pair(dx: int = 8) -> dict[str, torch.Tensor]:
    """Everything moves to the right; what leaves the frame is hidden."""
    first = textured(H, W)
    flow = torch.zeros(2, H, W)
    flow[0] = dx
    hidden = torch.zeros(H, W, dtype=torch.bool)
    hidden[:, W - dx :] = True
    pictures = {"first": first, "second": np.roll(first, dx, 1)}
    return {
        **{name: torch.from_numpy(x.transpose(2, 0, 1).copy()) for name, x in pictures.items()},
        "flow": flow, "valid": torch.ones(H, W, dtype=torch.bool), "occluded": hidden,
    }  # fmt: skip


def step(K: int = 2) -> Step:
    """At 1/16, with no flow yet: the first hypothesis finds 1 position down and 2 to the left, the others nothing."""
    similarities = torch.zeros(1, K, 9, 9, H // 16, W // 16)
    costs = similarities.clone()
    costs[0, 0, 4 + 1, 4 - 2] = 1
    guesses = torch.zeros(1, K, 2, H // 16, W // 16)
    guesses[0, 0] = torch.tensor([-2.0, 1.0])[:, None, None]
    confidences = torch.zeros(1, K, H // 16, W // 16)
    confidences[0, 0] = 1
    return Step(torch.zeros(1, 2, H // 16, W // 16), similarities, costs, guesses, confidences)


def test_pair_and_what_is_known_of_it() -> None:
    sample = pair()
    drawn = pair_picture(sample)
    first, back = panel(drawn, 0), panel(drawn, 2)
    seen = slice(0, CELL * (W - 9) // W)
    assert np.abs(first - back)[:, seen].max() <= 1 and np.abs(first - panel(drawn, 1)).mean() > 5
    assert np.abs(panel(drawn, 0, 1) - (255, 0, 0)).max() <= 1, "to the right is red"
    hidden = panel(drawn, 2, 1)
    assert (hidden[:, seen] == first[:, seen]).all()
    expected = 0.3 * first[:, -20:] + 0.7 * np.array(HIDDEN)
    assert np.abs(hidden[:, -20:] - expected).max() <= 1


def test_principal_components_of_features() -> None:
    """Features that vary along three directions: the first colour is the strongest, whatever else is added to all."""
    strong, middle, weak = torch.randn(3, 30, 40)
    features = torch.stack([7 + 3 * strong, 2 * middle, weak, torch.zeros(30, 40)])
    picture = principal(features).astype(np.float64)
    for channel, direction in enumerate((strong, middle, weak)):
        correlation = np.corrcoef(picture[..., channel].ravel(), direction.ravel())[0, 1]
        assert abs(correlation) > 0.95
    assert np.abs(picture.mean((0, 1)) - 127.5).max() < 3
    assert (principal(torch.zeros(4, 5, 6)) == 128).all()


def test_features_have_a_row_for_each_level() -> None:
    seen = Seen(features={1: list(torch.rand(3, 2, 4, H // 2, W // 2)), 2: list(torch.rand(3, 2, 6, H // 4, W // 4))})
    drawn = features_picture(seen)
    for level, features in ((0, seen.features[1]), (1, seen.features[2])):
        for number in range(3):
            shown = principal(features[number][0]).astype(int)
            assert (panel(drawn, number, level)[0, 0] == shown[0, 0]).all()


def test_repairs_are_drawn_by_channels_that_vary_most() -> None:
    mask = torch.full((2, 5, H // 8, W // 8), 0.5)
    mask[0, 3, :, : W // 16] = 0.9  # the first picture's; left
    mask[0, 1, 0, 0] = 0.6
    mask[1, 4] = torch.rand(H // 8, W // 8)  # the second picture's
    seen = Seen(repairs={3: [Repaired(mask, 2 * mask - 1)]})
    for drawn, colours in ((mask_picture(seen, 3), "PuOr_r"), (correction_picture(seen, 3), "coolwarm")):
        zero, top = (colormaps[colours](v, bytes=True)[:3] for v in (0.5, 1.0))
        varied = panel(drawn, 1)
        assert (varied[:, : CELL // 2 - 5] == top).all() and (varied[:, CELL // 2 + 5 :] == zero).all()
        assert (panel(drawn, 2)[-1, -1] == zero).all() and (panel(drawn, 2)[0, 0] != zero).any()
        assert (panel(drawn, 0)[0, -1] == zero).all()


def test_steps_are_drawn_with_their_errors() -> None:
    sample = pair()
    off = torch.zeros(1, 2, H, W)
    flows = [off, sample["flow"][None]]
    drawn = steps_picture(flows, Seen(steps=[step(), step()]), sample)
    assert (panel(drawn, 0) == 255).all() and np.abs(panel(drawn, 1) - (255, 0, 0)).max() <= 1
    top = GAP + TITLE + HEIGHT + GAP
    errors = [drawn[top : top + HEIGHT, GAP + i * (CELL + GAP) :][:, :CELL] for i in range(2)]
    assert (errors[0] == ERROR_COLOURS[6]).all() and (errors[1] == ERROR_COLOURS[0]).all()  # 8 px: 2.7 of 3


def test_augmented_pairs_share_the_wheel() -> None:
    sample = pair()
    batch = {name: torch.stack([sample[name], sample[name].flip(-1)]) for name in ("first", "second")}
    batch["flow"] = torch.stack([sample["flow"], -0.5 * sample["flow"]])
    drawn = augmented_picture({**batch, "first": batch["first"] / 255})
    expected = flow_picture(batch["flow"][1].numpy(), max_speed=8)[0, 0]
    assert (panel(drawn, 1, 2) == expected).all() and np.abs(panel(drawn, 0, 2) - (255, 0, 0)).max() <= 1
    assert (panel(drawn, 0)[:, ::-1] == panel(drawn, 1)).mean() > 0.95


def test_search_window_lies_where_the_flow_leads() -> None:
    sample, begun = pair(), step()
    begun.flow[0, 0] = 1  # a position to the right
    drawn = search_picture(sample, begun, (40, 20))  # position (2, 1)
    plain = panel(pair_picture(sample), 0)
    rows, columns = np.nonzero((panel(drawn, 0) != plain).any(2))
    scale = CELL / W
    assert np.abs(np.array([columns.min(), columns.max(), rows.min(), rows.max()]) / scale - (32, 48, 16, 32)).max() < 1
    second = panel(pair_picture(sample), 1)
    rows, columns = np.nonzero((panel(drawn, 1) != second).any(2))
    # 9 positions from 2 + 1 - 4 on, and from 1 - 4: left of and above the picture, which its lower right corner is in
    assert np.abs(np.array([columns.max()]) / scale - W).max() < 1 and rows.size > 0
    begun.flow[0] = 1000  # however far it leads
    assert search_picture(sample, begun, (40, 20)).shape == drawn.shape


def test_costs_are_drawn_with_the_truth_and_the_guess() -> None:
    flow = torch.zeros(2, H, W)
    flow[0], flow[1] = 3 * 16, -2 * 16
    drawn = costs_picture(step(), flow, (40, 20))
    cell = (CELL - BETWEEN) // 18
    top, after = GAP + TITLE, GAP + 9 * cell + BETWEEN

    def at(dx: int, dy: int, left: int, across: float = 0.5, down: float = 0.5) -> list[int]:
        y, x = top + int(cell * (4 + dy + down)), left + int(cell * (4 + dx + across))
        return drawn[y, x].astype(int).tolist()  # type: ignore[no-any-return]

    assert at(-2, 1, after, 0.1) == VIRIDIS[1].tolist() and at(-2, 1, GAP, 0.1) == VIRIDIS[0].tolist()
    assert at(-2, 1, after) == at(-2, 1, GAP) == [255, 255, 255], "the cross"
    assert at(3, -2, after, 0.03) == at(3, -2, GAP, 0.5, 0.03) == [255, 208, 0], "the square"
    assert at(3, -2, after) == VIRIDIS[0].tolist()
    other = after + CELL + GAP
    assert at(-2, 1, other, 0.1) == VIRIDIS[0].tolist() and at(0, 0, other) == [255, 255, 255]


def test_guesses_and_confidences_lie_over_the_picture() -> None:
    flow = torch.zeros(2, H, W)
    flow[0], flow[1] = -2 * 16, 16
    drawn = guesses_picture(step(), flow)
    right, nothing, to_be_found = (panel(drawn, column) for column in range(3))
    assert (right == to_be_found).all() and (nothing == 255).all()
    assert np.abs(right - flow_picture(np.array([[[-2.0]], [[1.0]]]), max_speed=4)[0, 0]).max() <= 1
    black = torch.zeros(3, H, W, dtype=torch.uint8)
    confident = confidences_picture(step(), black)
    for column, colour in enumerate(VIRIDIS[::-1]):
        assert np.abs(panel(confident, column) - 0.65 * colour).max() <= 1


def test_many_hypotheses_take_several_rows() -> None:
    assert confidences_picture(step(6), torch.zeros(3, H, W)).shape[1] > 4 * CELL
    two, one = (confidences_picture(step(K), torch.zeros(3, H, W)).shape[0] for K in (6, 4))
    assert two - one == GAP + TITLE + HEIGHT


def test_pictures_and_numbers() -> None:
    assert rgb(torch.tensor([0.0, 0.5, 2.0]).view(3, 1, 1)).tolist() == [[[0, 128, 255]]]
    assert signed(-0.456) == "−0.46" and signed(1) == "1.00"
