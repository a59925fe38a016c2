"""Which values bits tell the signs of."""

import pytest
import torch

from lic_image.layers.bit_choice import SHARPNESS, BitChoice


def test_each_bit_chooses_the_value_of_most_energy_and_measures_it() -> None:
    torch.manual_seed(0)
    choice = BitChoice(iterations=2, bits=3, room=2)
    sizes = torch.tensor([4.0, 1.0, 2.0, 0.1, 3.0, 0.5])[None, :, None, None]  # values 0 to 2, then those instead
    values = sizes * torch.randn(4, 6, 8, 8)
    with choice.fitted():
        choice.chosen(values, 1)
    told = choice.chosen(values, 1)
    wanted = values[:, [0, 4, 2]]
    assert torch.equal(told.sign(), wanted.sign())
    assert told.abs().mean((0, 2, 3)).tolist() == pytest.approx([SHARPNESS] * 3)
    decoded = choice.values(torch.ones(1, 3, 1, 1), 1).flatten()
    assert decoded[[0, 4, 2]].tolist() == pytest.approx(wanted.abs().mean((0, 2, 3)).tolist())
    assert not decoded[[1, 3, 5]].any()


def test_another_iteration_has_a_choice_of_its_own() -> None:
    choice = BitChoice(iterations=2, bits=1, room=2)
    values = torch.tensor([0.1, -3.0])[None, :, None, None]
    with choice.fitted():
        choice.chosen(values, 1)
    assert choice.chosen(values, 0).sign().item() == 1 and choice.chosen(values, 1).sign().item() == -1
