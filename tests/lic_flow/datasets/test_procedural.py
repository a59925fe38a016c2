import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from common.data.scenes import scene
from common.errors import LicError
from lic_flow.datasets.procedural import ProceduralPairs


def bilinear(picture: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """``picture`` (3, H, W) at the places x, y (H, W), which lie inside."""
    left = np.clip(np.floor(x).astype(int), 0, picture.shape[2] - 2)
    top = np.clip(np.floor(y).astype(int), 0, picture.shape[1] - 2)
    a, b = x - left, y - top
    above = (1 - a) * picture[:, top, left] + a * picture[:, top, left + 1]
    below = (1 - a) * picture[:, top + 1, left] + a * picture[:, top + 1, left + 1]
    return (1 - b) * above + b * below


def test_a_sample_keeps_the_contract() -> None:
    sample = ProceduralPairs(3, (40, 56))[2]
    assert {name: (tuple(values.shape), values.dtype) for name, values in sample.items()} == {
        "first": ((3, 40, 56), torch.uint8),
        "second": ((3, 40, 56), torch.uint8),
        "flow": ((2, 40, 56), torch.float32),
        "valid": ((40, 56), torch.bool),
        "occluded": ((40, 56), torch.bool),
    }
    assert sample["valid"].all()


def test_a_sample_is_a_function_of_seed_and_number() -> None:
    forwards = [ProceduralPairs(5, (32, 32))[n] for n in (0, 1)]
    pairs = ProceduralPairs(5, (32, 32))
    backwards = [pairs[1], pairs[0]][::-1]
    for one, other in zip(forwards, backwards):
        assert all(torch.equal(one[name], other[name]) for name in one)
    assert not torch.equal(forwards[0]["first"], forwards[1]["first"])
    assert not torch.equal(forwards[0]["first"], ProceduralPairs(6, (32, 32))[0]["first"])


def test_flow_leads_to_the_same_colours() -> None:
    pairs, warped, unwarped, compared = ProceduralPairs(11, (96, 96), 12.0), 0.0, 0.0, 0
    for n in range(12):
        if scene(11, n, 96, 96).camera["noise"][0] > 1:
            continue  # noise does not move with the scene
        sample = {name: values.numpy() for name, values in pairs[n].items()}
        first, second = sample["first"].astype(np.float64), sample["second"].astype(np.float64)
        y, x = np.mgrid[:96, :96]
        u, v = sample["flow"]
        seen = ~sample["occluded"] & (np.hypot(u, v) > 0.5)
        warped += float(np.abs(bilinear(second, x + u, y + v) - first)[:, seen].sum())
        unwarped += float(np.abs(second - first)[:, seen].sum())
        compared += int(seen.sum())
    assert compared > 10_000
    assert warped < 0.35 * unwarped


def test_motion_is_spread_up_to_its_largest() -> None:
    pairs = ProceduralPairs(0, (64, 64), max_motion=20.0)
    largest = np.array([float(pairs[n]["flow"].norm(dim=0).max()) for n in range(30)])
    assert 10 < largest.max() <= 20 * 1.05
    assert (largest < 5).sum() >= 8 and (largest < 1).sum() >= 2 and (largest > 5).sum() >= 8
    doubled = ProceduralPairs(0, (64, 64), max_motion=40.0)
    grown = np.array([float(doubled[n]["flow"].norm(dim=0).max()) for n in range(30)])
    np.testing.assert_allclose(grown, 2 * largest, rtol=0.2)


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(LicError, match="sides of at least 1"):
        ProceduralPairs(0, (0, 8))
    with pytest.raises(LicError, match="greater than 0"):
        ProceduralPairs(0, (8, 8), max_motion=0)
