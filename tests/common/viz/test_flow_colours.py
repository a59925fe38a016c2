"""Middlebury's colours: torchvision's, the published wheel, and what is unknown or too fast."""

import math

import numpy as np
import torch
from torchvision.utils import flow_to_image

from common.viz.flow_colours import centred, flow_picture, legend, speed_of


def around(speed: float, *, steps: int = 360) -> np.ndarray:
    """Flow (2, 1, steps) of one speed in all directions, clockwise from the right as seen on a picture."""
    angle = np.linspace(0, 2 * math.pi, steps, endpoint=False)
    return (speed * np.stack([np.cos(angle), np.sin(angle)]))[:, None].astype(np.float32)


def torchvisions(flow: np.ndarray) -> np.ndarray:
    return flow_to_image(torch.from_numpy(flow)).permute(1, 2, 0).numpy()


def test_colours_are_torchvisions() -> None:
    flow = np.random.default_rng(0).normal(0, 9, (2, 40, 50)).astype(np.float32)
    assert np.abs(flow_picture(flow).astype(int) - torchvisions(flow)).max() <= 1


def test_wheel_is_the_one_of_baker_and_others() -> None:
    # full colours at the numbers of colours after which one turns into the next, counted from the right clockwise
    counts = np.cumsum([0, 15, 6, 4, 11, 13])  # RY, YG, GC, CB, BM; MR closes the circle
    angle = 2 * math.pi * counts / 54
    flow = np.stack([np.cos(angle), np.sin(angle)])[:, None] * 5.0
    red, yellow, green, cyan, blue, magenta = flow_picture(flow)[0].astype(int)
    for rgb, expected in (
        (red, (255, 0, 0)),
        (yellow, (255, 255, 0)),
        (green, (0, 255, 0)),
        (cyan, (0, 255, 255)),
        (blue, (0, 0, 255)),
        (magenta, (255, 0, 255)),
    ):
        assert np.abs(rgb - expected).max() <= 1, (rgb, expected)


def test_no_colour_wraps_around_at_the_rim() -> None:
    # the fastest pixel, normalised, is longer than 1 by a rounding here: torchvision's green is 255 then
    flow = np.float32([[[1.770062804222107]], [[-92.53873443603516]]])
    assert np.abs(flow_picture(flow)[0, 0].astype(int) - (91, 0, 255)).max() <= 1
    for speed in (0.3, 1.0, 7.0, 63.5):
        colours = flow_picture(around(speed)).astype(int)
        assert np.abs(np.diff(colours, axis=1)).max() < 12


def test_a_given_speed_is_the_rim_and_more_is_darker() -> None:
    flow = around(4.0)
    rim, half, beyond = (flow_picture(flow, max_speed=speed).astype(int) for speed in (4, 8, 2))
    assert np.abs(half - (rim + 255) / 2).max() <= 1  # half way to white
    assert np.abs(beyond - 0.75 * rim).max() <= 2
    assert (flow_picture(np.zeros((2, 3, 4)), max_speed=4) == 255).all() and (
        flow_picture(np.zeros((2, 3, 4))) == 255
    ).all()


def test_unknown_is_black_and_sets_no_scale() -> None:
    flow = np.zeros((2, 2, 3), np.float32)
    flow[0, 0] = 5, 2, 1e10
    flow[1, 1, 2] = np.nan
    valid = np.array([[True, True, False], [True, True, True]])
    rgb = flow_picture(flow, valid)
    assert (rgb[0, 2] == 0).all() and (rgb[1, 2] == 0).all() and (rgb[1, :2] == 255).all()
    assert np.abs(rgb[0, 0].astype(int) - (255, 0, 0)).max() <= 1 and rgb[0, 1, 1] == int(255 * 0.6)


def test_legend_is_the_wheel() -> None:
    wheel = legend(101).astype(int)
    assert wheel.shape == (101, 101, 3)
    assert np.abs(wheel[50, 100] - (255, 0, 0)).max() <= 1, "to the right is red"
    assert (wheel[50, 50] == 255).all() and (wheel[0, 0] == 255).all()
    below = flow_picture(np.float32([[[0]], [[3]]]))[0, 0].astype(int)
    assert np.abs(wheel[100, 50] - below).max() <= 1


def test_a_speed_is_the_length_of_what_is_known() -> None:
    flow = np.array([[[3.0, np.inf, 1.0, 0.0]], [[4.0, 0.0, 1.0, -2.0]]], np.float32)
    speed, known = speed_of(flow, np.array([[True, True, False, True]]))
    assert speed.tolist() == [[5.0, 0.0, 0.0, 2.0]] and known.tolist() == [[True, False, False, True]]
    assert speed_of(flow, None)[1].tolist() == [[True, False, True, True]]


def test_a_picture_is_centred_on_white() -> None:
    paper = centred(np.full((3, 4, 3), 7, np.uint8), (6, 8))
    expected = np.full((6, 8, 3), 255, np.uint8)
    expected[1:4, 2:6] = 7
    assert np.array_equal(paper, expected)
