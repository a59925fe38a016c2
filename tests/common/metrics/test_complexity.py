"""Multiply-accumulates against counts made by hand."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from common.entropy import exact
from common.entropy.exact import sums
from common.metrics.complexity import gmacs


def test_convolutions_by_hand() -> None:
    down, up = nn.Conv2d(3, 8, 5, stride=2, padding=2), nn.ConvTranspose2d(8, 3, 5, 2, 2, output_padding=1)
    # 384 × 256 positions, at each 25 taps of 3 channels for each of 8 outputs; the same again going up
    assert gmacs(down) == 384 * 256 * 25 * 3 * 8 / 1e9
    assert gmacs(nn.Sequential(down, up)) == 2 * 384 * 256 * 25 * 3 * 8 / 1e9
    assert gmacs(nn.Conv2d(8, 8, 3, padding=1, groups=4), (2, 8, 10, 10)) == 2 * 100 * 9 * 2 * 8 / 1e9


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.heads = 2
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        q = x.unflatten(1, (self.heads, -1)) * self.scale
        return F.scaled_dot_product_attention(q, q[:, :, :48], q[:, :, :48])


def test_attention_is_counted() -> None:
    # 2 heads, 64 queries × 48 keys of 16 channels, once for the scores and once for the values
    assert gmacs(Attention(), (1, 128, 16)) == 2 * 2 * 64 * 48 * 16 / 1e9


class InExactArithmetic(nn.Conv2d):
    """Is computed by kernels of ours when something is coded."""

    @exact.parameters
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)


def test_what_is_computed_exactly_is_counted_on_shapes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "conv2d", None)
    assert gmacs(InExactArithmetic(4, 4, 3, groups=4), (1, 4, 10, 10)) == 64 * 9 * 4 / 1e9


class Curious(nn.Conv2d):
    """Looks at its input, which a pass on shapes alone cannot."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if x.sum().item() == 0 else x


def test_a_network_that_looks_at_values_is_counted_on_zeros() -> None:
    assert gmacs(Curious(3, 4, 3), (1, 3, 10, 10)) == 64 * 9 * 3 * 4 / 1e9


class Masked(nn.Conv2d):
    """Changes its own weight in its forward pass, as CompressAI's masked convolution does."""

    def forward(self, x: Tensor) -> Tensor:
        self.weight.data *= 0.5
        return super().forward(x)


def test_counting_leaves_the_network_as_it_was() -> None:
    module = Masked(3, 4, 3).train()
    before = module.weight.clone()
    assert gmacs(module) == gmacs(module) == 766 * 510 * 9 * 3 * 4 / 1e9
    assert module.training and torch.equal(module.weight, before)
    assert module(torch.zeros(1, 3, 8, 8)).shape == (1, 4, 6, 6)


def test_the_published_hyperprior() -> None:
    """Layer by layer: 5×5 convolutions and their transposes, 3×3 ones at the latent's size, GDN's 1×1."""
    from lic_image.codecs.hyperprior import Hyperprior

    N, M, pixels = 128, 192, 768 * 512
    five = sum(25 * a * b / 4**k for k, (a, b) in enumerate([(3, N), (N, N), (N, N), (N, M)], start=1))
    gdn = N * N * (1 / 4 + 1 / 16 + 1 / 64)
    hyper = 9 * M * N / 256 + 25 * N * N * (1 / 4**5 + 1 / 4**6)
    bottleneck = N * (3 + 9 + 9 + 9 + 3) / 4**6 * 2  # its density's little networks, at either end of the bin
    expected = 2 * pixels * (five + gdn + hyper) / 1e9
    assert gmacs(Hyperprior(N, M)) == pytest.approx(expected + pixels * bottleneck / 1e9, rel=1e-3)
