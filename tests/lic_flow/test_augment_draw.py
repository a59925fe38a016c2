import math
from typing import Any

import numpy as np
import pytest
import torch

from common.errors import LicError
from lic_flow.augment import FlowAugmentation


def test_parameters_are_of_seed_and_index_alone() -> None:
    augmentation = FlowAugmentation((12, 20), (-0.3, 1.0))
    draw = lambda indexes, seed=7: augmentation.draw(torch.tensor(indexes), seed, (16, 24))  # noqa: E731
    together = draw([5, 1, 123456789])
    for part, alone in zip(together, zip(draw([5]), draw([1]), draw([123456789]))):
        assert torch.equal(part, torch.cat(alone))
    assert all(torch.equal(a, b) for a, b in zip(together, draw([5, 1, 123456789])))
    for other in (draw([5, 1, 123456789], seed=8), draw([6, 2, 3])):
        assert (together.colour != other.colour).any((1, 2)).all() and (together.origin != other.origin).any(1).all()


def test_draws_keep_to_their_ranges_and_probabilities() -> None:
    count, canvas, crop = 4000, (384, 512), (256, 384)
    drawn = FlowAugmentation(crop, (-0.3, 1.0)).draw(torch.arange(count), 0, canvas)
    scale, origin = drawn.scale.double(), drawn.origin.double()
    flipped = (scale < 0).double().mean(0)
    assert flipped.tolist() == pytest.approx([0.5, 0.1], abs=0.03)
    scale = scale.abs()
    resized = (scale != 1).any(1)
    stretched = (scale[:, 0] / scale[:, 1] - 1).abs() > 1e-6
    assert resized.double().mean().item() == pytest.approx(0.9, abs=0.02)
    assert stretched[resized].double().mean().item() == pytest.approx(0.8, abs=0.03)
    assert not (stretched & ~resized).any()

    size = torch.log2(scale)
    alike = size[resized & ~stretched, 0]
    assert -0.3 <= alike.min() < -0.25 and 0.95 < alike.max() <= 1
    assert alike.mean().item() == pytest.approx(0.35, abs=0.05) and alike.std().item() == pytest.approx(0.375, abs=0.03)
    ratio = size[stretched, 0] - size[stretched, 1]  # the difference of two uniform numbers
    assert 0.3 < ratio.abs().max() <= 0.4 and ratio.std().item() == pytest.approx(0.4 / 6**0.5, abs=0.01)

    # the crop lies within the canvas and comes everywhere in it
    last = origin + (torch.tensor(crop[::-1]) - 1) / drawn.scale.double()
    edge = torch.tensor(canvas[::-1]) - 1
    low, high = torch.minimum(origin, last), torch.maximum(origin, last)
    assert (low > -1e-3).all() and (high < edge + 1e-3).all()
    place = (low / (edge - (high - low)))[resized]
    assert place.mean(0).tolist() == pytest.approx([0.5, 0.5], abs=0.02)
    assert place.std(0).tolist() == pytest.approx([12**-0.5] * 2, abs=0.02)
    together = np.corrcoef(torch.cat([place, size[resized]], 1).T)
    assert np.abs(together[:2] - np.eye(4)[:2]).max() < 0.06
    assert torch.equal(origin[~resized], origin[~resized].round())

    same = (drawn.colour[:, 0] == drawn.colour[:, 1]).all(1)
    assert torch.equal(same, ~drawn.own) and drawn.own.double().mean().item() == pytest.approx(0.2, abs=0.02)
    spread = torch.tensor([0.3, 0.3, 0.4, 0.8 / math.pi])
    shift = (drawn.colour - torch.tensor([1.0, 1, 1, 0])) / spread
    assert shift.min() >= -1.0001 and shift.max() <= 1.0001
    assert (shift.amax((0, 1)) > 0.99).all() and (shift.amin((0, 1)) < -0.99).all()
    correlation = np.corrcoef(shift[drawn.own].flatten(1).T)  # 8 numbers of each sample, all independent
    assert np.abs(correlation - np.eye(8)).max() < 0.15


@pytest.mark.parametrize("canvas", [(256, 384), (260, 500)])
def test_the_crop_always_fits(canvas: tuple[int, int]) -> None:
    drawn = FlowAugmentation((256, 384), (-2.0, 0.0)).draw(torch.arange(300), 0, canvas)
    least = torch.tensor([384 / canvas[1], 256 / canvas[0]])
    assert (drawn.scale.abs() >= least - 1e-6).all() and (drawn.scale.abs() < least + 1e-6).any(0).all()
    last = drawn.origin + torch.tensor([383, 255]) / drawn.scale
    for corner in (drawn.origin, last):
        assert (corner > -1e-3).all() and (corner < torch.tensor([canvas[1], canvas[0]]) - 1 + 1e-3).all()


def test_bad_input_is_one_sentence() -> None:
    with pytest.raises(LicError, match=r"pairs of 100x300 pixels are too small for crops of 128x256"):
        FlowAugmentation((128, 256), (0, 1)).draw(torch.arange(1), 0, (100, 300))
    mistakes: dict[str, dict[str, Any]] = {
        "probability": {"spatial": 1.5}, "hue": {"hue": 0.8}, "scale range 1 to 0": {"scale": (1, 0)},
    }  # fmt: skip
    for what, wrong in mistakes.items():
        with pytest.raises(LicError, match=what):
            FlowAugmentation(**{"crop": (8, 8), "scale": (0, 1), **wrong})
