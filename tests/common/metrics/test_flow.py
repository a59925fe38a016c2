import math

import pytest
import torch
from kornia.metrics import aepe
from torch import Tensor

from common.errors import LicError
from common.metrics.flow import FlowMetrics, endpoint_error, fl_outlier

FIVE = {"epe", "fl_all", "1px", "3px", "5px"}


def row(*vectors: tuple[float, float]) -> Tensor:
    """Flow (1, 2, 1, W) of these vectors."""
    return torch.tensor(vectors).t()[None, :, None]


def flows(*shape: int, seed: int = 0, spread: float = 30.0) -> tuple[Tensor, Tensor]:
    """Prediction and truth, off by some pixels."""
    random = torch.Generator().manual_seed(seed)
    flow = spread * torch.randn(shape, generator=random)
    return flow + 3 * torch.randn(shape, generator=random), flow


def measured(*update: Tensor | None) -> dict[str, float]:
    metrics = FlowMetrics()
    metrics.update(*update)
    return {name: value.item() for name, value in metrics.compute().items()}


def test_endpoint_error_is_the_length_of_the_difference() -> None:
    error = endpoint_error(row((3, 4), (0, 0), (1, 1)), row((0, 0), (0, 0), (1, -1)))
    assert error.shape == (1, 1, 3) and error.flatten().tolist() == [5, 0, 2]


def test_endpoint_error_agrees_with_kornia() -> None:
    flow_hat, flow = flows(2, 2, 5, 7)
    expected = aepe(flow_hat.movedim(1, -1), flow.movedim(1, -1), reduction="none")
    torch.testing.assert_close(endpoint_error(flow_hat, flow), expected)


def test_half_precision_loses_nothing_in_the_subtraction() -> None:
    flow_hat = torch.full((1, 2, 1, 1), 500.0, dtype=torch.bfloat16)  # 500 is one, 499 is not
    assert endpoint_error(flow_hat, torch.full((1, 2, 1, 1), 499.0)).item() == pytest.approx(math.sqrt(2))


def test_gradient_of_an_exact_prediction_is_zero_not_nan() -> None:
    flow_hat = torch.zeros(1, 2, 2, 2, requires_grad=True)
    endpoint_error(flow_hat, torch.zeros(1, 2, 2, 2)).sum().backward()
    assert flow_hat.grad is not None and flow_hat.grad.abs().max() == 0


def test_outliers_of_kitti_are_off_by_both_bounds() -> None:
    error = torch.tensor([3.0, 3.01, 3.01, 4.9, 5.1])
    speed = torch.tensor([0.0, 0.0, 70.0, 100.0, 100.0])
    assert fl_outlier(error, speed).tolist() == [False, True, False, False, True]


def test_figures_of_a_row_worked_out_by_hand() -> None:
    #           speed  error       speed  error        speed  error        speed  error       unknown
    flow = row((0, 9.99), (6, 8), (0, 40), (60, 80), (1e10, 1e10))
    flow_hat = row((0, 7.99), (6, 12), (4.5, 40), (60, 86), (0, 0))
    valid = torch.tensor([[[True, True, True, True, False]]])
    occluded = torch.tensor([[[False, False, True, False, True]]])
    figures = measured(flow_hat, flow, valid, occluded)
    assert figures == pytest.approx(
        {
            "epe": (2 + 4 + 4.5 + 6) / 4,
            "1px": 100.0,
            "3px": 75.0,
            "5px": 25.0,
            "fl_all": 75.0,  # 4 of 10, 4.5 of 40 and 6 of 100 px
            "s0_10": 2.0,
            "s10_40": (4 + 4.5) / 2,
            "s40+": 6.0,
            "matched": (2 + 4 + 6) / 3,
            "unmatched": 4.5,
        }
    )


def test_set_counts_pixels_not_pictures() -> None:
    flow = torch.zeros(2, 2, 1, 4)
    flow_hat = flow.clone()
    flow_hat[0, 0] = 8
    valid = torch.tensor([[[True, False, False, False]], [[True, True, True, True]]])
    figures = measured(flow_hat, flow, valid)
    assert figures["epe"] == pytest.approx(8 / 5) and figures["fl_all"] == pytest.approx(20)


def test_the_truth_itself_is_without_error() -> None:
    _, flow = flows(2, 2, 9, 11)
    occluded = torch.rand(2, 9, 11, generator=torch.Generator().manual_seed(1)) < 0.3
    figures = measured(flow, flow, torch.ones(2, 9, 11, dtype=torch.bool), occluded)
    assert set(figures) == FIVE | {"s0_10", "s10_40", "s40+", "matched", "unmatched"}
    assert all(value == 0 for value in figures.values())


def test_figures_without_a_pixel_are_absent() -> None:
    flow_hat, flow = torch.zeros(1, 2, 1, 3), row((50, 0), (60, 0), (70, 0))
    assert set(measured(flow_hat, flow, torch.ones(1, 1, 3, dtype=torch.bool))) == FIVE | {"s40+"}
    figures = measured(flow_hat, flow, torch.zeros(1, 1, 3, dtype=torch.bool))
    assert set(figures) == FIVE and all(math.isnan(value) for value in figures.values())


def test_unequal_shares_of_a_set_join_to_the_figures_of_the_whole() -> None:
    flow_hat, flow = flows(5, 2, 6, 7)
    random = torch.Generator().manual_seed(2)
    valid, occluded = (torch.rand(5, 6, 7, generator=random) < share for share in (0.6, 0.2))
    valid[3:] = False  # the second share knows less
    valid[3, 0, :3] = True
    whole = measured(flow_hat, flow, valid, occluded)
    first, second = FlowMetrics(), FlowMetrics()
    for i in range(3):  # one by one, in batches of one
        first.update(flow_hat[i : i + 1], flow[i : i + 1], valid[i : i + 1], occluded[i : i + 1])
    second.update(flow_hat[3:], flow[3:], valid[3:], occluded[3:])
    assert second.compute()["epe"].item() != pytest.approx(whole["epe"], rel=1e-3)
    first.merge_state(second)  # reduces each state as a gather across processes does
    joined = {name: value.item() for name, value in first.compute().items()}
    assert joined == pytest.approx(whole, rel=1e-12)


def test_many_small_errors_are_summed_without_loss() -> None:
    metrics = FlowMetrics()
    flow, valid = torch.zeros(1, 2, 400, 400), torch.ones(1, 400, 400, dtype=torch.bool)
    metrics.errors[0], metrics.pixels[0] = 1e9, 1e9  # after a long set, float32 would add in steps of 64
    metrics.update(flow + 1e-5 / math.sqrt(2), flow, valid)
    assert (metrics.errors[0] - 1e9).item() == pytest.approx(1.6, rel=1e-4)


def test_flow_that_is_not_finite_is_refused_with_a_sentence() -> None:
    flow_hat, flow = torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2, 2)
    valid = torch.tensor([[[True, False], [True, True]]])
    flow[0, 0, 0, 1] = math.nan  # unknown: of no concern
    assert measured(flow_hat, flow, valid)["epe"] == 0
    for value in (math.nan, math.inf):
        broken = flow_hat.clone()
        broken[0, 1, 0, 1] = value
        with pytest.raises(LicError, match="predicted flow is not finite"):
            measured(broken, flow, valid)
    with pytest.raises(LicError, match="true flow is not finite"):
        measured(flow_hat, flow, torch.ones_like(valid))


def test_unlike_shapes_are_refused() -> None:
    flow, valid = torch.zeros(1, 2, 4, 4), torch.ones(1, 4, 4, dtype=torch.bool)
    with pytest.raises(ValueError, match="one shape"):
        endpoint_error(flow, torch.zeros(1, 2, 4, 5))
    with pytest.raises(ValueError, match="one shape"):
        endpoint_error(flow[:, :1], flow[:, :1])
    for mask in (valid.float(), valid[:, None], valid[:, :3]):
        with pytest.raises(ValueError, match="bool"):
            measured(flow, flow, mask)
        with pytest.raises(ValueError, match="bool"):
            measured(flow, flow, valid, mask)
