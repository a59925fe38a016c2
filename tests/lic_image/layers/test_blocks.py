"""Blocks stand where the drawing has them, and the layers around them keep their names."""

from typing import Any

import pytest
import torch
from torch import nn

from common.layers.strided import analysis, synthesis
from lic_image.layers.blocks import attending_encoder, attending_hyper_decoder, decoder_with_blocks, inserted

N, M = 6, 10


class Noting(nn.Identity):
    """An attention that remembers for how many channels it was made and what it was given."""

    def __init__(self, C: int) -> None:
        super().__init__()
        self.channels = C

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen = tuple(x.shape[1:])
        return x


def names(layers: nn.Sequential) -> list[str]:
    return [name for name, _ in layers.named_children()]


def test_inserted_keeps_order_and_names() -> None:
    layers = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1))
    for at, expected in enumerate(
        (["b", "0", "1", "2"], ["0", "b", "1", "2"], ["0", "1", "b", "2"], ["0", "1", "2", "b"])
    ):
        assert names(inserted(layers, at, "b", nn.Identity())) == expected
    assert names(layers) == ["0", "1", "2"]


def test_without_blocks_nothing_changes() -> None:
    layers: Any = synthesis(N, M)
    assert decoder_with_blocks(layers, N, M, None, "first", None) is layers
    assert attending_encoder(layers, M, None) is layers
    assert attending_hyper_decoder(layers, N, M, None, "last") is layers


def test_encoder_attends_to_what_it_gives() -> None:
    g_a = attending_encoder(analysis(N, M), M, Noting)
    assert names(g_a)[-1] == "attention"
    g_a(torch.rand(1, 3, 32, 48))
    assert g_a.attention.channels == M and g_a.attention.seen == (M, 2, 3)


@pytest.mark.parametrize(("place", "at", "seen"), [("first", 0, (M, 2, 3)), ("last", 6, (N, 16, 24))])
def test_decoder_attends_first_or_last(place: Any, at: int, seen: tuple[int, ...]) -> None:
    g_s = decoder_with_blocks(synthesis(N, M), N, M, Noting, place, lambda: Noting(3))
    assert names(g_s)[at] == "attention" and names(g_s)[-1] == "refinement"
    assert [name for name in names(g_s) if name.isdigit()] == [str(i) for i in range(7)]
    x_hat = g_s(torch.rand(1, M, 2, 3))
    assert g_s.attention.channels == seen[0] and g_s.attention.seen == seen
    assert g_s.refinement.seen == tuple(x_hat.shape[1:]) == (3, 32, 48)


@pytest.mark.parametrize(("place", "at", "seen"), [("first", 0, (N, 2, 3)), ("last", 2, (M, 2, 3))])
def test_hyper_decoder_attends_first_or_last(place: Any, at: int, seen: tuple[int, ...]) -> None:
    h_s = attending_hyper_decoder(nn.Sequential(nn.Conv2d(N, M, 1), nn.ReLU()), N, M, Noting, place)
    assert names(h_s)[at] == "attention"
    h_s(torch.rand(1, N, 2, 3))
    assert h_s.attention.channels == seen[0] and h_s.attention.seen == seen
