"""Parts are left out for whole pictures, the mean stays, and in evaluation nothing is left out."""

import pytest
import torch

from common.layers.drop_path import DropPath, rising


def test_whole_pictures_are_left_out_and_the_mean_stays() -> None:
    torch.manual_seed(0)
    drop_path, part = DropPath(0.25), torch.ones(4000, 1, 1, 16)
    kept = drop_path(part)
    assert set(kept.unique().tolist()) <= {0.0, torch.tensor(1 / 0.75).item()}
    assert (kept.amax(3) == kept.amin(3)).all() and abs(kept.mean().item() - 1) < 0.05
    assert torch.equal(drop_path.eval()(part), part)


def test_it_rises_from_zero() -> None:
    assert rising(0.2, 5) == pytest.approx([0.0, 0.05, 0.1, 0.15, 0.2])
