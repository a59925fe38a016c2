"""In exact mode a network gives the same bits however it is computed, and what has no exact form says so."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from compressai.layers import GDN, GDN1
from support.gpu import needs_gpu
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.swin_transformer import (
    ShiftedWindowAttention,
    ShiftedWindowAttentionV2,
    SwinTransformerBlock,
)

from common.entropy import exact
from common.entropy.exact import table
from common.entropy.rules import PRESENT, coding_by


class Permuted(nn.Module):
    """A layer that has channels last."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.movedim(1, -1)).movedim(-1, 1)  # type: ignore[no-any-return]


class Called(nn.Module):
    """A function as a network."""

    def __init__(self, function: Callable[..., Tensor], *parameters: Tensor) -> None:
        super().__init__()
        self.function = function
        self.given = nn.ParameterList(parameters)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, *self.given)


def conv(*args: Any, **kwargs: Any) -> nn.Module:
    return nn.Conv2d(*args, **kwargs)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "h_s": lambda: nn.Sequential(
        nn.ConvTranspose2d(8, 8, 5, 2, 2, 1), nn.LeakyReLU(inplace=True), conv(8, 12, 3, padding=1), nn.PReLU(12),
        conv(12, 8, 1), nn.PixelShuffle(2),
    ),
    "activations": lambda: nn.Sequential(
        nn.GELU(), nn.SiLU(inplace=True), nn.ELU(0.5, True), nn.Mish(), nn.Hardswish(), nn.Hardsigmoid(), nn.Softplus(),
        nn.LogSigmoid(), nn.Tanh(), nn.ReLU6(), nn.Softmax(1), nn.Dropout(), nn.Dropout2d(),
    ),
    "norms": lambda: nn.Sequential(nn.BatchNorm2d(8), nn.GroupNorm(2, 8), Permuted(nn.LayerNorm(8))),
    "gdn": lambda: nn.Sequential(GDN(8), GDN(8, inverse=True), GDN1(8)),
    "pools": lambda: nn.Sequential(
        nn.AvgPool2d(2), nn.MaxPool2d(3, 1, 1), nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.UpsamplingNearest2d(scale_factor=2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5),
    ),
    "padding": lambda: nn.Sequential(
        conv(8, 8, 3, padding=1, padding_mode="reflect"), nn.ZeroPad2d(1), nn.ReplicationPad2d(2), nn.PixelUnshuffle(2),
        conv(32, 6, 3, padding="same", groups=2), nn.ChannelShuffle(2),
    ),
    "window attention": lambda: Permuted(ShiftedWindowAttention(8, [4, 4], [2, 2], 2)),
    "window attention 2": lambda: Permuted(ShiftedWindowAttentionV2(8, [4, 4], [2, 2], 2)),
    "swin": lambda: Permuted(SwinTransformerBlock(8, 2, [4, 4], [2, 2], 2.0, 0.1, 0.1, 0.1)),
    "transformer": lambda: nn.Sequential(nn.Flatten(2), nn.TransformerEncoderLayer(100, 4, 50, batch_first=True)),
    "norm of channels": lambda: Called(
        lambda x, g, b: (x - x.mean(1, True)) / (x.var(1, unbiased=False, keepdim=True) + 1e-6).sqrt() * g + b,
        torch.rand(8, 1, 1), torch.rand(8, 1, 1),
    ),
    "parameters alone": lambda: Called(
        lambda x, a, b: x * a.exp() + b.abs().log() / (a.square() + 3), *torch.randn(2, 8, 1, 1)
    ),
    "whole numbers": lambda: Called(whole),
    "numbers": lambda: Called(lambda x: 1 / (2 + x**2) - x / 3 + torch.reciprocal(x.abs() + 1) + (3 - x) * 0.1),
    "in place": lambda: Called(lambda x: x.clone().div_(3).add_(x, alpha=0.3).sigmoid_().mul_(2).sub_(-0.1).sqrt_()),
    "operators in place": lambda: Called(in_place),
    "sampling": lambda: Called(sampled),
    "einsum": lambda: Called(lambda x, w: torch.einsum("bchw,cd->bdhw", x, w), torch.randn(8, 3)),
    "products": lambda: Called(lambda x, w: (x @ w).softmax(-1) @ x.mT, torch.randn(10, 10)),
}  # fmt: skip


def whole(x: Tensor) -> Tensor:
    numbers, tenths = torch.arange(10, device=x.device), torch.arange(0, 1, 0.1, device=x.device)
    return x + numbers.exp().log() / 7 + (numbers / 3).float() + tenths**2


def sampled(x: Tensor) -> Tensor:
    grid = F.affine_grid(
        0.9 * torch.eye(2, 3, device=x.device).expand(len(x), 2, 3), list(x.shape), align_corners=False
    )
    return F.grid_sample(x, grid, align_corners=False)


def in_place(x: Tensor) -> Tensor:
    x = x.clone()
    x /= 3
    x **= 2
    x += 1
    x[:, 0] = x[:, 1].sqrt()
    return x


def network(name: str) -> nn.Module:
    torch.manual_seed(0)
    made = NETWORKS[name]().eval()
    for parameter in made.parameters():
        if not parameter.any():  # zeros and tables of zeros tell nothing
            nn.init.normal_(parameter, std=0.3)
    return made


def inputs() -> Tensor:
    return torch.randn(4, 8, 10, 10, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_networks_are_what_they_are_in_floats_and_have_the_same_bits(name: str, threads: Callable[[int], None]) -> None:
    net, x = network(name), inputs()
    found = exact.run(net, x)
    torch.testing.assert_close(found, net(x), rtol=0, atol=5e-3)
    assert found.dtype == torch.float32
    with exact.shuffled_sums():
        assert torch.equal(exact.run(net, x), found)
    assert torch.equal(exact.run(net, x.contiguous(memory_format=torch.channels_last)), found)
    if not isinstance(net, nn.Sequential) or not isinstance(net[0], nn.Flatten):
        assert torch.equal(exact.run(net.to(memory_format=torch.channels_last), x), found)
    assert torch.equal(torch.cat([exact.run(net, row[None]) for row in x]), found)
    with torch.inference_mode():
        assert torch.equal(exact.run(net, x), found)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(exact.run(net, x), found)
    for count in (1, 2):
        threads(count)
        assert torch.equal(exact.run(net, x), found)


@needs_gpu
@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_a_gpu_gives_the_same_bits(name: str) -> None:
    net, x = network(name), inputs()
    expected = exact.run(net, x)
    assert torch.equal(exact.run(net.cuda(), x.cuda()).cpu(), expected)
    with torch.autocast("cuda", torch.bfloat16):
        assert torch.equal(exact.run(net, x.cuda()).cpu(), expected)


@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_syntheses_are_exact_everywhere(name: str) -> None:
    net, x = network(name), 50 * inputs()
    assert torch.equal(exact.synthesis(net, x), net(x))
    with exact.everywhere():
        found = exact.synthesis(net, x)
        with exact.shuffled_sums():
            assert torch.equal(exact.synthesis(net, x), found)
        assert torch.equal(exact.synthesis(net, x.contiguous(memory_format=torch.channels_last)), found)
        assert torch.equal(torch.cat([exact.synthesis(net, row[None]) for row in x]), found)
    torch.testing.assert_close(found, net(x), rtol=1e-3, atol=2e-2)


def test_every_function_of_the_table_is_there_and_callable() -> None:
    assert not set(table.TABLE) & (table.MOVING | table.ARITHMETIC) and not table.MOVING & table.ARITHMETIC
    assert set(table.TABLE) >= table.WITH_WEIGHTS and set(table.INPLACE_AT) <= set(table.TABLE)
    for name in table.TABLE:
        owners = (torch, Tensor, F)
        assert (
            name in ("__div__", "log_sigmoid")
            or any(hasattr(owner, name) for owner in owners)
            or name.startswith("int")
        ), name


UNKNOWN: dict[str, Callable[[Tensor], Any]] = {
    "erfinv": torch.erfinv,
    "fft": torch.fft.rfft,
    "sin": Tensor.sin,
    "sine of whole numbers": lambda x: torch.arange(4).sin(),
    "aten": torch.ops.aten.exp2,
    "cumsum": lambda x: x.cumsum(0),
    "prod": Tensor.prod,
    "numpy": Tensor.numpy,
    "scatter_add": lambda x: x.scatter_add(0, torch.zeros_like(x, dtype=torch.long), x),
    "random": lambda x: torch.rand(3) + x[0, 0, 0, 0],
    "lstm": lambda x: nn.LSTM(10, 3)(x[0]),
    "remainder": lambda x: x % 0.3,
    "floor": lambda x: x // 0.3,
    "rounding": lambda x: torch.div(x, 0.3, rounding_mode="floor"),
    "out": lambda x: torch.exp(x, out=torch.empty_like(x)),
    "dropout": lambda x: F.dropout(x),
    "batch norm": lambda x: F.batch_norm(x, torch.zeros(8), torch.ones(8), training=True),
    "power": lambda x: x**0.3,
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_has_no_exact_form_says_so(name: str) -> None:
    with pytest.raises(exact.NotExactError, match="has no exact form"):
        exact.run(UNKNOWN[name], inputs())


def test_whole_numbers_stay_as_they_are() -> None:
    def count(x: Tensor) -> Tensor:
        rows = torch.arange(12).reshape(3, 4)
        assert rows.sum().dtype == torch.int64 and (rows // 5 % 2).dtype == torch.int64
        assert (rows @ rows.mT).dtype == torch.int64 and (rows > 3).any()
        return rows[:, x.argmax()] * 2

    assert exact.run(count, torch.tensor([0.0, 1.0])).tolist() == [2, 10, 18]


class Codec(nn.Module):
    """What has parameters of a coder to tell."""

    def __init__(self) -> None:
        super().__init__()
        self.h_s = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.GELU())

    @exact.parameters
    def told(self, z_hat: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Nested."""
        return self.inner(z_hat), {"scales": self.h_s(z_hat).exp(), "places": z_hat.long()}

    @exact.parameters
    def inner(self, z_hat: Tensor) -> Tensor:
        return self.h_s(z_hat).sqrt() if z_hat.dtype == torch.int8 else self.h_s(z_hat)

    def forward(self, x: Tensor) -> Tensor:
        first, others = self.told(2 * x)
        return first + others["scales"]


def test_training_is_left_alone() -> None:
    codec, x = Codec().train(), inputs().requires_grad_()
    found = codec(x)
    expected = codec.h_s(2 * x) + codec.h_s(2 * x).exp()
    assert torch.equal(found, expected) and found.dtype == torch.float32
    found.sum().backward()
    assert x.grad is not None and x.grad.any() and codec.h_s[0].weight.grad.any()


def test_evaluation_is_exact_unless_a_file_was_written_otherwise() -> None:
    codec, x = Codec().eval(), inputs()
    floats = codec.h_s(2 * x)
    first, others = codec.told(2 * x)
    assert not torch.equal(first, floats)
    torch.testing.assert_close(first, floats, rtol=0, atol=1e-3)
    assert first.dtype == others["scales"].dtype == torch.float32 and others["places"].dtype == torch.int64
    with exact.shuffled_sums():
        assert torch.equal(codec.told(2 * x)[0], first)
    with coding_by(PRESENT._replace(exact=False)):
        assert torch.equal(codec.told(2 * x)[0], floats)


def test_what_is_compiled_around_it_gives_the_same_bits() -> None:
    codec, x = Codec().eval(), inputs()
    with torch.no_grad():
        expected = codec(x)
        compiled = torch.compile(codec, backend="aot_eager")
        assert torch.equal(compiled(x), expected)
        assert torch.equal(torch.compile(exact.synthesis, backend="aot_eager")(codec.h_s, x), codec.h_s(x))
        with exact.everywhere():
            assert torch.equal(
                torch.compile(exact.synthesis, backend="aot_eager")(codec.h_s, x), exact.synthesis(codec.h_s, x)
            )
    trained = torch.compile(Codec().train(), backend="aot_eager")
    trained(x).sum().backward()


def test_an_error_leaves_the_mode() -> None:
    with pytest.raises(exact.NotExactError):
        exact.run(Tensor.sin, inputs())
    assert torch.equal(torch.sin(inputs()), inputs().sin())
    with pytest.raises(exact.NotExactError):  # and it begins anew
        exact.run(Tensor.sin, inputs())
