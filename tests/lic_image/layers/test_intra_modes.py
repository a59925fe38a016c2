"""Each classical mode by hand, on references that are all different."""

import pytest
import torch
from torch import Tensor

from lic_image.layers.intra_modes import MODES, Context, local_mean, mode_matrix, predictions, references

COLUMN = torch.arange(8.0) * 3 + 50  # decoded samples left of the block, from the top down
CORNER = 40.0
ROW = torch.arange(16.0) ** 2  # above it, 8 of them above the next block


def told(mode: str) -> Tensor:
    """What `mode` predicts from these samples, (8, 8)."""
    r = torch.cat([COLUMN.flip(0), torch.tensor([CORNER]), ROW]).expand(1, 3, 25)
    return predictions(r, mode_matrix())[0, MODES.index(mode), 1]


def context(above: bool = True, beyond: bool = True, left: bool = True) -> Context:
    """Of one block, of which the samples next to it are `COLUMN`, `CORNER` and `ROW`."""
    samples, beside = torch.zeros(1, 3, 8, 24), torch.zeros(1, 3, 8, 8)
    samples[..., -1, 7], samples[..., -1, 8:], beside[..., -1] = CORNER, ROW, COLUMN
    known = torch.cat([torch.full((1, 1, 8, 8), float(k)) for k in (above and left, above, above and beyond)], 3)
    there = torch.full((1, 1, 8, 8), float(left))
    return Context(samples * known, beside * there, known, there)


def test_modes_predict_a_constant() -> None:
    assert torch.allclose(mode_matrix().sum(-1), torch.ones(9, 64))


def test_dc_is_the_mean_of_both_sides() -> None:
    assert torch.allclose(told("dc"), ((COLUMN.sum() + ROW[:8].sum()) / 16).expand(8, 8))
    assert local_mean(references(context())).flatten().tolist() == pytest.approx([told("dc")[0, 0].item()] * 3)


def test_planar_is_the_mean_of_two_interpolations() -> None:
    """Along the row towards the first sample above the next block, down the column towards the lowest one left."""
    for i, j in ((0, 0), (2, 5), (7, 7)):
        across = ((7 - j) * COLUMN[i] + (j + 1) * ROW[8]) / 8
        down = ((7 - i) * ROW[j] + (i + 1) * COLUMN[7]) / 8
        assert told("planar")[i, j].item() == pytest.approx(((across + down) / 2).item(), rel=1e-5)


def test_directions() -> None:
    assert torch.allclose(told("row 0"), ROW[:8].expand(8, 8))
    assert torch.allclose(told("column 0"), COLUMN[:, None].expand(8, 8))
    along = torch.cat([COLUMN.flip(0), torch.tensor([CORNER]), ROW])
    for i, j in ((0, 0), (3, 5), (5, 3), (7, 7)):
        assert told("row 1")[i, j] == ROW[j + i + 1]
        assert told("row -1")[i, j] == along[8 + j - i]  # up and left: the diagonal ends at the corner
    assert told("row 0.5")[0, 2].item() == pytest.approx((ROW[2] + ROW[3]).item() / 2)
    assert told("row 0.5")[1, 2] == ROW[3]
    assert told("row -0.5")[1, 2] == ROW[1]
    assert told("row -0.5")[3, 0] == COLUMN[1]  # one column back is two rows up
    assert told("column -0.5")[2, 1] == COLUMN[1]
    assert told("column -0.5")[2, 0].item() == pytest.approx((COLUMN[1] + COLUMN[2]).item() / 2)


def test_references_where_samples_are_missing() -> None:
    def r(**known: bool) -> Tensor:
        return references(context(**known))[0, 0]

    column = COLUMN.flip(0)
    assert torch.equal(r(), torch.cat([column, torch.tensor([CORNER]), ROW]))
    assert torch.equal(r(beyond=False)[17:], ROW[7].expand(8))
    assert torch.equal(r(above=False), torch.cat([column, COLUMN[:1].expand(17)]))
    assert torch.equal(r(left=False), torch.cat([ROW[:1].expand(9), ROW]))
    assert torch.equal(r(above=False, left=False), torch.zeros(25))
