"""What is seen from where, the attention by hand, causality, and that waves read what one pass tells."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from common.entropy.exact import shuffled_sums
from common.entropy.raster import Window, raster, taps, wavefronts
from common.entropy.walks import Visitor
from lic_image.layers.causal_global import CausalGlobalContext, Memory, in_sight
from lic_image.layers.masked_context import MaskedContext

M, S, SIZE = 8, 6, (7, 9)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 9), (9, 4)])
def test_in_sight_is_what_is_before_in_raster_order_and_in_an_earlier_wave(size: tuple[int, int]) -> None:
    h, w = size
    order, ends = wavefronts(h, w)
    wave = np.empty(h * w, int)
    for number, positions in enumerate(np.split(order, ends[:-1])):
        wave[positions] = number
    seen = in_sight(torch.arange(h * w), 0, h, w)
    for n in range(h * w):
        assert [i for i in range(h * w) if seen[n, i]] == [i for i in range(n) if wave[i] < wave[n]]


def test_all_neighbours_of_the_local_context_are_in_sight() -> None:
    h, w = SIZE
    seen = in_sight(torch.arange(h * w), 0, h, w)
    for n in range(h * w):
        for tap in taps():
            i, j = n // w + tap // 5 - 2, n % w + tap % 5 - 2
            if i >= 0 and 0 <= j < w:
                assert seen[n, i * w + j]


class Known(Visitor):
    """Hands out what is known and keeps what it was told."""

    def __init__(self, y: Tensor) -> None:
        self.known, self.size = y, (y.shape[2], y.shape[3])

    def __call__(self, scales: Tensor, means: Any = None, *args: Any, **kwargs: Any) -> Tensor:
        assert self.known is not None
        self.told = torch.stack([scales, means])
        return self.known


def context(kind: str = "cgam", rows: int = 32) -> Any:
    torch.manual_seed(0)
    made = CausalGlobalContext(M, S, 8, 12, 4, rows) if kind == "cgam" else MaskedContext(M, S, 8, 12)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return made.eval()


def latents(batch: int = 1, size: tuple[int, int] = SIZE) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(1)
    return torch.randn(batch, S, *size, generator=random), (3 * torch.randn(batch, M, *size, generator=random)).round()


def told(made: Any, side: Tensor, y: Tensor) -> Tensor:
    visit = Known(y)
    made.walk(side, visit)
    return visit.told


@pytest.mark.parametrize("rows", [2, 32])
def test_the_attention_is_a_weighted_mean_of_what_is_seen(rows: int) -> None:
    made, (side, y) = context(rows=rows).train(), latents()
    window = Window(1, SIZE, M, 2, side)
    window.inside().copy_(y.permute(0, 2, 3, 1))
    h, w = SIZE
    with torch.no_grad():
        g = Memory(made, window)(np.arange(h * w))[0]
        first, second = y[0].flatten(1).T.split(M // 2, 1)
        for n in range(h * w):
            lowest = max(0, n // w // rows - 1) * rows * w
            seen = [i for i in range(lowest, n) if i % w + 3 * (i // w) < n % w + 3 * (n // w)]
            scores = [made.query(first[n]) @ made.key(first[i]) / made.d**0.5 for i in seen]
            shares = torch.tensor([0.0, *scores]).softmax(0)[1:]  # and the key of zeros
            expected = sum((a * made.value(second[i]) for a, i in zip(shares, seen)), torch.zeros(made.d))
            assert torch.allclose(g[n], expected, atol=1e-4)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("kind", "rows"), [("cgam", 2), ("cgam", 32), ("masked", 0)])
def test_later_symbols_change_nothing_and_earlier_ones_do(kind: str, rows: int, training: bool) -> None:
    made, (side, y) = context(kind, rows).train(training), latents()
    h, w = SIZE
    same = torch.equal if not training else lambda a, b: torch.allclose(a, b, atol=1e-5)
    with torch.no_grad():
        before = told(made, side, y).flatten(3)
        for n in (0, 4, 13, 30, h * w - 1):
            for group in made.groups:
                changed = y.clone()
                changed.flatten(2)[:, group, n] += 5
                after = told(made, side, changed).flatten(3)
                assert same(after[..., :n], before[..., :n])
                assert same(after[:, :, group, n], before[:, :, group, n])
                if n + 1 < h * w and n % w + 1 < w:
                    assert not same(after[..., n + 1], before[..., n + 1])
            if kind == "cgam":  # group 2 sees group 1 at its own position
                changed = y.clone()
                changed.flatten(2)[:, : M // 2, n] += 5
                after = told(made, side, changed).flatten(3)
                assert not same(after[:, :, M // 2 :, n], before[:, :, M // 2 :, n])


def test_far_symbols_are_seen_too() -> None:
    made, side = context(), latents()[0]
    y = torch.zeros(1, M, *SIZE)  # all in sight have the same share
    changed = y.clone()
    changed[:, :, 0, 0] += 5
    with torch.no_grad():
        apart = (told(made, side, y) != told(made, side, changed))[0, 0]
    assert apart[M // 2 :, -1, -1].any() and not apart[: M // 2, -1, -1].any()


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize(("batch", "rows"), [(1, 32), (2, 2), (2, 3)])
def test_waves_are_told_what_one_pass_tells(
    batch: int, rows: int, shuffled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By kernels or, with shuffled sums, by torch's functions."""
    monkeypatch.setattr("common.entropy.raster.CHUNK", 11)
    made, (side, y) = context(rows=rows), latents(batch)
    with torch.inference_mode():
        whole = told(made, side, y).permute(0, 1, 3, 4, 2).flatten(2, 3)
        if shuffled:
            with shuffled_sums():
                assert torch.equal(told(made, side, y).permute(0, 1, 3, 4, 2).flatten(2, 3), whole)
        window = Window(batch, SIZE, M, 2, side)
        if shuffled:
            monkeypatch.setattr("lic_image.layers.causal_global.AtPositions.fits", lambda *args: False)
        tellers = made.predictor(side.flatten(2).transpose(1, 2).contiguous(), window)
        symbols = y.permute(0, 2, 3, 1).flatten(1, 2)
        order, ends = wavefronts(*SIZE)
        for positions in np.split(order, ends[:-1]):
            for tell, group in zip(tellers, made.groups):
                found = torch.stack(tell(positions))
                assert torch.equal(found, whole[:, :, positions, group])
                window.values[:, window.places(positions), group] = symbols[:, positions, group]


def test_training_tells_what_evaluation_tells() -> None:
    made, (side, y) = context(), latents(2)
    with torch.no_grad():
        assert torch.allclose(told(made.train(), side, y), told(made.eval(), side, y), atol=5e-3)


def test_a_walk_needs_someone_who_knows_the_latent() -> None:
    with pytest.raises(ValueError, match="raster order is for visitors that know y"):
        visit = Known(latents()[1])
        visit.known = None
        raster(visit, latents()[0], context().predictor)
