"""The sequence loss on numbers worked out by hand, and what training leaves out."""

import pytest
import torch
from torch import nn

from common.errors import LicError
from lic_flow.module import FlowEstimator, sequence_loss


def test_sequence_loss() -> None:
    flow = torch.zeros(1, 2, 1, 3)
    valid = torch.tensor([[[True, True, False]]])
    coarse, fine = torch.full((1, 2, 1, 3), 3.0), torch.full((1, 2, 1, 3), -1.0)
    fine[..., 2] = 1000.0  # not valid
    assert sequence_loss([coarse, fine], flow, valid, 0.5).item() == pytest.approx(0.5 * 6 + 2)
    assert sequence_loss([coarse, fine], flow, valid, 0.1).item() == pytest.approx(0.1 * 6 + 2)


def test_nothing_valid_is_no_loss() -> None:
    flow = torch.zeros(1, 2, 2, 2)
    assert sequence_loss([flow + 1], flow, torch.zeros(1, 2, 2, dtype=torch.bool), 0.8).item() == 0


class Constant(nn.Module):
    """Says that everything moves by `value` pixels to the right."""

    multiple = 1

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> list[torch.Tensor]:
        flow = torch.zeros_like(first[:, :2])
        return [torch.stack([flow[:, 0] + self.value, flow[:, 1]], 1)]


def estimator(network: nn.Module, **settings: float) -> FlowEstimator:
    module = FlowEstimator(network, torch.optim.AdamW, lambda *_: None, **settings)  # type: ignore[arg-type,return-value]
    module.log_dict = lambda shown, **_: module.__dict__.update(shown=shown)  # type: ignore[assignment]
    return module


def test_flow_beyond_the_limit_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: dict[str, torch.Tensor] = {}
    monkeypatch.setattr(FlowEstimator, "logs_now", True)
    monkeypatch.setattr(FlowEstimator, "show", lambda _, figures: shown.update(figures))
    batch = {"first": torch.zeros(1, 3, 1, 2), "second": torch.zeros(1, 3, 1, 2)}
    batch |= {"flow": torch.tensor([[[[5.0, 500.0]], [[0.0, 0.0]]]]), "valid": torch.ones(1, 1, 2, dtype=torch.bool)}
    module = estimator(Constant(3.0), max_flow=400)
    assert module.training_step(batch, 0).item() == pytest.approx(2)
    assert shown["epe"].item() == pytest.approx(2)
    assert estimator(Constant(3.0), max_flow=1000).training_step(batch, 0).item() == pytest.approx((2 + 497) / 2)


def test_divergence_stops_with_a_sentence() -> None:
    batch = {"first": torch.zeros(1, 3, 1, 2), "second": torch.zeros(1, 3, 1, 2)}
    batch |= {"flow": torch.zeros(1, 2, 1, 2), "valid": torch.ones(1, 1, 2, dtype=torch.bool)}
    with pytest.raises(Exception, match=r"the loss is nan at step .*lr"):
        estimator(Constant(float("nan"))).training_step(batch, 0)


def test_validation_is_over_all_pixels() -> None:
    module = estimator(Constant(2.0))
    for flow, width in ((0.0, 2), (5.0, 6)):
        sides = torch.zeros(1, 3, 1, width)
        truth = torch.stack([torch.full((1, 1, width), flow), torch.zeros(1, 1, width)], 1)
        batch = {"first": sides, "second": sides, "flow": truth, "valid": torch.ones(1, 1, width, dtype=torch.bool)}
        module.validation_step(batch, 0)
    module.on_validation_epoch_end()
    assert module.shown["val/epe"].item() == pytest.approx((2 * 2 + 6 * 3) / 8)


def test_delta_must_be_a_proportion() -> None:
    with pytest.raises(LicError, match="delta must be above 0"):
        estimator(Constant(0.0), delta=0)
