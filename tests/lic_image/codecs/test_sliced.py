"""The probability model that swift and intra share: its steps, its order, and what each part is told of."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from common.entropy.walks import Visitor
from lic_image.codecs.sliced import SlicedCodec

M = 12


class Small(SlicedCodec):
    """The model alone."""

    def __init__(self) -> None:
        super().__init__()
        self.log_gain, self.log_inverse_gain = (nn.Parameter(torch.zeros(M, 1, 1)) for _ in range(2))
        self.register_buffer("deviation", torch.ones(M, 1, 1))
        self.add_probability_model(M, N=8, Z=4, slices=(3, 9, 27))


class Recorder(Visitor):
    """Draws y_hat and keeps what it was told; from the call `garbage_from` on, y_hat is 100 too large."""

    size = (8, 8)

    def __init__(self, garbage_from: int = 99) -> None:
        self.told: list[dict[str, Any]] = []
        self._garbage_from, self._random = garbage_from, torch.Generator().manual_seed(1)

    def __call__(self, scales: Tensor, means: Any = None, *args: Any, **of: Any) -> Tensor:
        self.told.append({"scales": scales * of["positions"], "means": means * of["positions"], **of})
        y_hat = torch.randn(scales.shape, generator=self._random)
        return y_hat + 100 * (len(self.told) > self._garbage_from)


@pytest.fixture
def codec() -> SlicedCodec:
    torch.manual_seed(0)
    return Small().eval()


def visited(codec: SlicedCodec, garbage_from: int = 99) -> list[dict[str, Any]]:
    visitor = Recorder(garbage_from)
    with torch.no_grad():
        codec.walk(torch.randn(1, 4, 2, 2, generator=torch.Generator().manual_seed(2)), visitor)
    return visitor.told


def test_gains_by_hand(codec: SlicedCodec) -> None:
    """A coefficient is divided by the best step for λ, whatever its deviation."""
    deviation, lmbda = torch.linspace(0, 2, M), 0.013
    codec.start_gains(deviation, lmbda)
    step = math.sqrt(18 / (lmbda * 255**2 * math.log(2)))
    assert codec.deviation.flatten().tolist() == pytest.approx([1e-4, *deviation.tolist()[1:]])
    assert (codec.deviation / codec.log_gain.exp()).flatten().tolist() == pytest.approx([step] * M, rel=1e-5)
    codec.move(4.0)  # four times λ: half the step
    assert (codec.deviation / codec.log_gain.exp()).flatten().tolist() == pytest.approx([step / 2] * M, rel=1e-5)
    assert torch.allclose(codec.log_inverse_gain, -codec.log_gain)


def test_slice_by_slice_and_even_positions_first(codec: SlicedCodec) -> None:
    """An edge beyond M is no slice. Before training all latents have mean 0 and the deviation of their gain."""
    codec.log_gain.data += torch.linspace(-1, 1, M)[:, None, None]
    told = visited(codec)
    even = (torch.arange(8)[:, None] + torch.arange(8)) % 2 == 0
    assert [of["channels"] for of in told[::2]] == [slice(0, 3), slice(3, 9), slice(9, 12)]
    assert all(torch.equal(of["positions"].expand(8, 8), even) for of in told[::2])
    assert all(torch.equal(of["positions"].expand(8, 8), ~even) for of in told[1::2])
    for of in told:
        gain = codec.log_gain[of["channels"]].exp()
        assert torch.allclose(of["scales"][0], gain * of["positions"]) and of["means"].abs().max() == 0


def test_the_decoder_sees_nothing_of_later_slices(codec: SlicedCodec) -> None:
    """Parameters asked for at each visit do not change when what is decoded later does."""
    for parameter in codec.contexts.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    whole, cut = ([of["means"] for of in visited(codec, garbage_from)] for garbage_from in (99, 3))
    assert len(whole) == 2 * len(codec.slices)
    assert all(torch.equal(a, b) for a, b in zip(whole[:4], cut[:4]))
    assert not torch.equal(whole[4], cut[4])
