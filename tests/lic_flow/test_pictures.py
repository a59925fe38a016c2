import numpy as np
import pytest
import torch
from support import textured

from common.errors import LicError
from common.metrics.flow import endpoint_error, fl_outlier
from common.viz.panels import CELL, GAP, TITLE
from lic_flow.pictures import ERROR_COLOURS, error_picture, quiver, sheet


def test_errors_are_red_where_kitti_counts_an_outlier() -> None:
    random = np.random.default_rng(1)
    flow = (10.0 ** random.uniform(-1, 3, (1, 30, 40)) * random.choice([-1, 1], (2, 30, 40))).astype(np.float32)
    flow_hat = flow + (10.0 ** random.uniform(-2, 2, (2, 30, 40))).astype(np.float32)
    picture = error_picture(flow_hat, flow)
    red = (picture[:, :, None] == ERROR_COLOURS[5:]).all(3).any(2)
    truth = torch.from_numpy(flow)[None]
    outlier = fl_outlier(endpoint_error(torch.from_numpy(flow_hat)[None], truth), truth.norm(dim=1))[0].numpy()
    assert (red == outlier).all() and 0.1 < outlier.mean() < 0.9


def test_errors_step_by_factors_of_two() -> None:
    flow_hat = np.zeros((2, 1, 7), np.float32)
    flow_hat[0, 0] = 0, 0.18, 0.2, 2.9, 3.1, 49, np.nan  # bounds at 3/16, 3, 48 px
    colours = error_picture(flow_hat, np.zeros_like(flow_hat))[0]
    assert [ERROR_COLOURS.tolist().index(c) for c in colours.tolist()] == [0, 0, 1, 4, 5, 9, 9]
    valid = np.array([[False] + 6 * [True]])
    assert (error_picture(flow_hat, np.zeros_like(flow_hat), valid)[0, 0] == 0).all()
    fast = np.stack([np.full((1, 2), 200, np.float32), np.zeros((1, 2), np.float32)])
    near = error_picture(fast + np.float32([[[9, 11]], [[0, 0]]]), fast)[0]  # 5 % are 10 px
    assert near.tolist() == ERROR_COLOURS[[4, 5]].tolist()


@pytest.mark.parametrize("size", [(1, 1), (3, 700), (115, 129), (600, 40)])
def test_arrows_at_any_size(size: tuple[int, int]) -> None:
    picture = textured(*size)
    flow = np.ones((2, *size), np.float32)
    drawn = quiver(picture, flow)
    scale = -(-512 // max(size))
    assert drawn.shape == (size[0] * scale, size[1] * scale, 3) and drawn.dtype == np.uint8
    still = quiver(picture, np.zeros_like(flow))
    assert (still == picture.repeat(scale, 0).repeat(scale, 1)).all(), "nothing moves: the picture alone"
    assert (drawn != still).any()


def test_arrows_lead_where_the_flow_does() -> None:
    picture = np.zeros((512, 512, 3), np.uint8)
    flow = np.zeros((2, 512, 512), np.float32)
    flow[1, 200, 200] = 3  # down, at one pixel
    flow[0, 200, 200] = np.nan
    assert quiver(picture, flow, step=16).max() == 0
    flow[0, 200, 200] = 0
    rows, columns = np.nonzero(quiver(picture, flow, step=16).max(2) > 128)
    assert abs(columns.mean() - 200) < 1.5 and rows.min() >= 199 and rows.max() > 240
    assert np.ptp(rows) <= 6 * 16 + 2


def panels(drawn: np.ndarray, count: int, height: int) -> list[np.ndarray]:
    """The panels of two rows of pictures that are `height` high when shown."""
    tops = [GAP + TITLE, 2 * (GAP + TITLE) + height]
    return [drawn[y : y + height, GAP + i * (CELL + GAP) :][:, :CELL] for y in tops for i in range(count)]


def test_sheet_of_a_perfect_prediction() -> None:
    first = textured(120, 180)
    flow = np.zeros((2, 120, 180), np.float32)
    flow[0] = 7
    second = np.roll(first, 7, 1)
    drawn = sheet(first, second, flow, flow, title="A pair.")
    shown, warped, wheel, predicted, true, errors = panels(drawn, 3, CELL * 120 // 180)
    inside = slice(0, CELL * 172 // 180)  # the rest comes from beyond the border
    assert np.abs(shown[:, inside].astype(int) - warped[:, inside]).max() <= 1
    assert (predicted == true).all() and np.abs(true - np.array([255, 0, 0])).max() <= 1
    assert (errors == ERROR_COLOURS[0]).all()
    assert (wheel[0, 0] == 255).all() and (wheel[120, 180 + 110] != 255).any()


def test_sheet_joins_the_dots_of_a_sparse_truth_and_leaves_gaps_black() -> None:
    size = (360, 720)  # two pixels for one of the sheet
    flow = np.ones((2, *size), np.float32)
    valid = np.zeros(size, np.bool_)
    valid[:180:2, ::2] = True
    drawn = sheet(np.zeros((*size, 3), np.uint8), np.zeros((*size, 3), np.uint8), flow, flow * valid, valid)
    *_, true, errors = panels(drawn, 3, 180)
    assert (errors[:85] == ERROR_COLOURS[0]).all() and (errors[95:] == 0).all()
    assert true[:85].max(2).min() > 200 and (true[95:] == 0).all()


def test_sheet_without_the_truth() -> None:
    first = textured(60, 60)
    drawn = sheet(first, first, np.full((2, 60, 60), 2, np.float32))
    assert drawn.shape[1] == GAP + 2 * (CELL + GAP)
    predicted = panels(drawn, 2, CELL)[2]
    assert len(np.unique(predicted.reshape(-1, 3), axis=0)) == 1 and predicted.min() < 60


def test_sheet_of_flow_that_is_not_finite_is_refused() -> None:
    flow = np.zeros((2, 8, 8), np.float32)
    broken = flow.copy()
    broken[0, 0, 0] = np.nan
    with pytest.raises(LicError, match="not finite"):
        sheet(textured(8, 8), textured(8, 8), broken, flow)
