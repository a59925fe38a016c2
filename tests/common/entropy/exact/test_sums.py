"""Layers with exact sums: near torch's results, and the same bits however a library adds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from support.gpu import needs_gpu, on_gpu
from torch import Tensor, nn
from torch.nn import functional as F

from common.entropy.exact import grids, shuffled_sums, sums
from common.errors import LicError


def noise(*shape: int, seed: int = 0, size: float = 1.0) -> Tensor:
    return size * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


Layer = tuple[Callable[..., Tensor], Callable[..., Tensor], Tensor, Tensor, int, dict[str, Any]]
LAYERS: dict[str, Layer] = {
    "linear": (sums.linear, F.linear, noise(4, 6, 33), noise(7, 33, seed=1), 7, {}),
    "rows": (sums.linear, F.linear, noise(4, 33), noise(7, 33, seed=1), 7, {}),
    "conv": (sums.conv2d, F.conv2d, noise(4, 6, 17, 20), noise(9, 6, 3, 3, seed=1), 9, {"padding": 1}),
    "strided": (sums.conv2d, F.conv2d, noise(4, 6, 17, 20), noise(9, 6, 5, 5, seed=1), 9, {"stride": 2, "padding": 2}),
    "dilated": (sums.conv2d, F.conv2d, noise(4, 6, 17, 20), noise(9, 6, 3, 3, seed=1), 9, {"dilation": 2}),
    "same": (sums.conv2d, F.conv2d, noise(4, 6, 17, 20), noise(9, 6, 3, 3, seed=1), 9, {"padding": "same"}),
    "few positions": (sums.conv2d, F.conv2d, noise(4, 6, 3, 5), noise(9, 6, 1, 1, seed=1), 9, {}),
    "1x1": (sums.conv2d, F.conv2d, noise(4, 6, 30, 31), noise(9, 6, 1, 1, seed=1), 9, {}),
    "groups": (sums.conv2d, F.conv2d, noise(4, 6, 9, 8), noise(4, 3, 3, 3, seed=1), 4, {"groups": 2, "padding": 1}),
    "depthwise": (sums.conv2d, F.conv2d, noise(4, 6, 9, 8), noise(6, 1, 5, 5, seed=1), 6, {"groups": 6, "padding": 2}),
    "depthwise strided": (
        sums.conv2d, F.conv2d, noise(4, 6, 9, 8), noise(6, 1, 5, 5, seed=1), 6, {"groups": 6, "stride": 2},
    ),
    "transposed": (
        sums.conv_transpose2d, F.conv_transpose2d, noise(4, 6, 5, 7), noise(6, 9, 5, 5, seed=1), 9,
        {"stride": 2, "padding": 2, "output_padding": 1},
    ),
    "transposed groups": (
        sums.conv_transpose2d, F.conv_transpose2d, noise(4, 6, 5, 7), noise(6, 3, 3, 3, seed=1), 6, {"groups": 2},
    ),
}  # fmt: skip


def within_grid(layer: Layer, size: float, bias: Tensor) -> Tensor:
    """What half a grid of every operand may change in a sum, at most."""
    _, function, x, weight, _, options = layer
    w = 2.0 ** -grids.on_grid(weight * size, bias, int(function is F.conv_transpose2d)).grid.w
    step = 2.0**-grids.FIXED_BITS
    of_weights = function(x.double().abs() + step, torch.full_like(weight, w / 2).double(), **options)
    of_inputs = function(torch.full_like(x, step / 2).double(), (size * weight).double().abs(), **options)
    return of_weights + of_inputs + 2.0**-30 * size


@pytest.mark.parametrize("size", [1e-4, 1.0, 100.0])
@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_torchs_within_their_grids(name: str, size: float) -> None:
    ours, torchs, x, weight, channels, options = LAYERS[name]
    bias = noise(channels, seed=2)
    found = ours(x, size * weight, bias, **options)
    expected = torchs(x.double(), (size * weight).double(), bias.double(), **options)
    assert found.dtype == torch.float64
    assert ((found - expected).abs() <= within_grid(LAYERS[name], size, bias)).all()


@contextmanager
def erring(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Libraries that transform (FFT, Winograd) err by a few units in the last place of the largest sum."""

    def wrong(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def call(*args: Any, **kwargs: Any) -> Tensor:
            exact = function(*args, **kwargs)
            return exact + (torch.rand_like(exact) - 0.5) * 3 * 2.0**-53 * grids.BOUND

        return call

    with monkeypatch.context() as patch:
        for name in ("linear", "conv2d", "conv_transpose2d"):
            patch.setattr(F, name, wrong(getattr(F, name)))
        patch.setattr(torch, "matmul", wrong(torch.matmul))
        yield


@pytest.mark.parametrize("measured", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_layers_do_not_depend_on_how_a_library_adds(
    name: str, measured: bool, monkeypatch: pytest.MonkeyPatch, threads: Callable[[int], None]
) -> None:
    ours, _, x, weight, channels, options = LAYERS[name]
    bias = noise(channels, seed=2)

    def result(x: Tensor, weight: Tensor = weight) -> Tensor:
        if not measured:
            return ours(x, weight, bias, **options)
        with sums.measured_ranges():
            return ours(x, weight, bias, **options)

    expected = result(x)
    with shuffled_sums(3):
        assert torch.equal(result(x), expected)
    for count in (1, 2):
        threads(count)
        assert torch.equal(result(x), expected)
    assert torch.equal(torch.cat([result(row[None]) for row in x]), expected)
    if x.ndim == 4:
        assert torch.equal(result(x.contiguous(memory_format=torch.channels_last)), expected)
        assert torch.equal(result(x.mT.contiguous().mT, weight.contiguous(memory_format=torch.channels_last)), expected)
    with erring(monkeypatch):
        assert torch.equal(result(x), expected)


@needs_gpu
@pytest.mark.parametrize("name", LAYERS)
def test_a_gpu_gives_the_same_bits(name: str) -> None:
    ours, _, *tensors, channels, options = LAYERS[name]
    tensors.append(noise(channels, seed=2))
    assert torch.equal(ours(*on_gpu(tensors), **options).cpu(), ours(*tensors, **options))
    x, layout = tensors[0].cuda(), torch.channels_last if tensors[0].ndim == 4 else torch.contiguous_format
    others = on_gpu(tensors[1:])
    assert torch.equal(ours(x.contiguous(memory_format=layout), *others, **options), ours(x, *others, **options))


def test_float_sums_do_depend_on_it() -> None:
    """So that the tests above can fail."""
    _, _, x, weight, _, _ = LAYERS["linear"]
    order = torch.randperm(x.shape[-1], generator=torch.Generator().manual_seed(0))
    assert not torch.equal(
        F.linear(x.double(), weight.double()), F.linear(x.double()[..., order], weight.double()[:, order])
    )


@pytest.mark.parametrize("measured", [False, True])
@pytest.mark.parametrize(
    "shapes",
    [((3, 5), (5, 4)), ((2, 3, 5), (2, 5, 4)), ((2, 6, 3, 5), (5, 4)), ((3, 5), (2, 5, 4)), ((1, 3, 5), (2, 5, 4))],
)
def test_products_of_matrices(
    shapes: tuple[tuple[int, ...], ...], measured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = (noise(*shape, seed=i, size=10.0) for i, shape in enumerate(shapes))
    b = b * 2.0 ** torch.arange(b.shape[-2])[:, None]  # rows of different sizes

    def result() -> Tensor:
        if not measured:
            return sums.matmul(a, b)
        with sums.measured_ranges():
            return sums.matmul(a, b)

    expected = result()
    # 13 bits behind the point of each, or 2^-22 of the largest
    torch.testing.assert_close(expected, a.double() @ b.double(), rtol=0, atol=2e-3 if measured else 3e-2)
    with shuffled_sums(1):
        assert torch.equal(result(), expected)
    with erring(monkeypatch):
        assert torch.equal(result(), expected)


def test_measured_ranges_neither_clamp_nor_lose_small_numbers() -> None:
    weight, bias = noise(3, 8, seed=1), noise(3, seed=2)
    for size in (1e-9, 1.0, 1e9):
        x = noise(2, 8, size=size)
        with sums.measured_ranges():
            found = sums.linear(x, weight, bias)
        expected = F.linear(x.double(), weight.double(), bias.double())
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=size * 1e-4)


def test_changed_weights_are_noticed_and_the_same_ones_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = nn.Linear(4, 3), noise(2, 4)
    made: list[Tensor] = []
    monkeypatch.setattr(sums, "on_grid", lambda w, *rest: made.append(w) or grids.on_grid(w, *rest))

    def check(count: int) -> None:
        expected = F.linear(x.double(), layer.weight.double(), layer.bias.double())
        found = sums.linear(x, layer.weight, layer.bias)
        torch.testing.assert_close(found, expected.detach(), rtol=0, atol=1e-2)
        assert len(made) == count

    check(1)
    check(1)
    with torch.no_grad():
        layer.weight.mul_(3)
    check(2)
    layer.weight.data = layer.weight.data + 1
    check(3)
    layer.bias.data[0] = 7
    check(4)
    layer.load_state_dict({"weight": torch.ones(3, 4), "bias": torch.zeros(3)})
    check(5)
    layer.double()
    check(6)
    layer.weight = nn.Parameter(layer.weight.detach() - 1)
    check(7)


def test_a_weight_of_two_layers_has_the_grid_of_each() -> None:
    weight = nn.Parameter(torch.zeros(64, 64, 1, 1))
    with torch.no_grad():
        weight[:, 0] = 20.0
    with sums.same_weights():
        assert sums.weights_of(weight, None, 0).grid != sums.weights_of(weight, None, 1).grid
        bias = torch.ones(64)
        assert sums.weights_of(weight, bias).bias is not None
        for value in range(4):  # each may lie where the one before lay
            passing = nn.Parameter(torch.full((2, 2), float(value)))
            assert sums.linear(torch.ones(1, 2), passing)[0, 0] == 2 * value
            del passing


def test_what_was_kept_in_inference_mode_serves_where_gradients_are() -> None:
    layer, x = nn.Linear(4, 3), noise(2, 4).requires_grad_()
    with torch.inference_mode():
        expected = sums.linear(x.detach(), layer.weight, layer.bias)
    found = sums.linear(x, layer.weight, layer.bias)
    found.sum().backward()
    assert torch.equal(found, expected)


def test_what_could_break_the_bound_is_refused() -> None:
    with pytest.raises(LicError, match="too large"):
        sums.linear(noise(1, 100), torch.full((1, 100), 1e6))
    with pytest.raises(LicError, match="may reach"):
        sums.matmul(noise(1, 8), noise(8, 1), (2.0**10, 2.0**60))
    for function, shape in ((sums.conv2d, (3, 3, 1, 1)), (sums.conv_transpose2d, (3, 3, 1, 1))):
        with pytest.raises(NotImplementedError, match="batch"):
            function(noise(3, 5, 5), noise(*shape))
    with pytest.raises(NotImplementedError, match="vectors"):
        sums.matmul(noise(3), noise(3))
