"""Nine stages, each predicted from what is decoded before it and from nothing else."""

from typing import Any

import pytest
import torch
from torch import Tensor

from common.entropy.walks import Visitor
from lic_image.layers.multistage_context import MultistageContext, slices


def test_slices_are_the_published_ones() -> None:
    assert [part.stop - part.start for part in slices(320)] == [24, 69, 104, 123]
    assert slices(320)[0].start == 0 and slices(80)[-1].stop == 80


class Known(Visitor):
    """Hands out what is known, and notes what it was told and when."""

    def __init__(self, y: Tensor) -> None:
        self.y, self.size = y, (y.shape[2], y.shape[3])
        self.told: list[tuple[slice, Tensor, Tensor, Tensor]] = []

    def __call__(self, scales: Tensor, means: Any = None, *args: Any, **kwargs: Any) -> Tensor:
        mask, part = kwargs["positions"], kwargs["channels"]
        mask = torch.ones(self.size, dtype=torch.bool) if mask is None else mask
        self.told.append((part, mask, scales, means))
        return self.y[:, part]


def context() -> tuple[MultistageContext, Tensor, Tensor]:
    torch.manual_seed(0)
    return MultistageContext(32, 8, (12, 8)).eval(), torch.randn(2, 8, 6, 8), torch.randn(2, 32, 6, 8)


def test_nine_stages_cover_every_latent_once() -> None:
    made, side, y = context()
    visit = Known(y)
    with torch.inference_mode():
        assert torch.equal(made.walk(side, visit), y)
    times = torch.zeros(32, 6, 8)
    for part, mask, _, _ in visit.told:
        times[part] += mask
    assert len(visit.told) == 9 and torch.equal(times, torch.ones_like(times))


@pytest.mark.parametrize("stage", range(9))
def test_a_stage_sees_what_is_decoded_and_nothing_else(stage: int) -> None:
    made, side, y = context()
    visits = [Known(y), Known(y.clone())]
    with torch.inference_mode():
        made.walk(side, visits[0])
        for part, mask, _, _ in visits[0].told[stage:]:  # what a decoder does not have yet
            visits[1].y[:, part] = torch.where(mask, 99.0, visits[1].y[:, part])
        made.walk(side, visits[1])
        told = [visit.told[stage] for visit in visits]
        mask = told[0][1]
        for i in (2, 3):
            assert torch.equal(told[0][i][:, :, mask], told[1][i][:, :, mask])
        if stage:  # and what it has does count
            changed = Known(y.clone())
            part, before, _, _ = visits[0].told[stage - 1]
            changed.y[:, part] += 3.0 * before
            made.walk(side, changed)
            assert not torch.equal(changed.told[stage][3][:, :, mask], told[0][3][:, :, mask])
