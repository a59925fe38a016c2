"""Means, norms, attention and resampling are torch's, and do not depend on layouts and batches."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from support.gpu import needs_gpu, on_gpu
from torch import Tensor, nn
from torch.nn import functional as F

from common.entropy.exact import NotExactError, attention, folds, resampling, run, shuffled_sums

X = torch.randn(4, 6, 13, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
GRID = 1.3 * torch.randn(4, 5, 7, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
W6, B6 = X[0, :, 0, 0].clone(), X[0, :, 1, 0].clone()
MASK = torch.where(X[0, 0].mT[:, :10] > 0.5, -torch.inf, 0.0).double()

Fold = tuple[Callable[..., Tensor], Callable[..., Tensor], dict[str, Any]]
FOLDS: dict[str, Fold] = {
    "sum": (folds.total, torch.sum, {"dim": (1, -1), "keepdim": True}),
    "mean": (folds.mean, torch.mean, {"dim": (2, 3)}),
    "var": (folds.var, torch.var, {"dim": 1, "correction": 0}),
    "var, unbiased": (folds.var, torch.var, {"dim": -1, "unbiased": True, "keepdim": True}),
    "std": (folds.std, torch.std, {"dim": (1, 2)}),
    "softmax": (folds.softmax, torch.softmax, {"dim": 1}),
    "log_softmax": (folds.log_softmax, torch.log_softmax, {"dim": 1}),
    "norm": (folds.norm, torch.norm, {"p": 2, "dim": 1}),
    "normalize": (folds.normalize, F.normalize, {"dim": -1}),
    "layer_norm": (folds.layer_norm, F.layer_norm, {"weight": W6[:1].expand(13, 10), "bias": B6[:1].expand(13, 10)}),
    "group_norm": (folds.group_norm, F.group_norm, {"num_groups": 3, "weight": W6, "bias": B6}),
    "rms_norm": (folds.rms_norm, F.rms_norm, {"eps": 1e-5}),
    "avg_pool2d": (folds.avg_pool2d, F.avg_pool2d, {"kernel_size": 2}),
    "avg_pool2d, border": (
        folds.avg_pool2d, F.avg_pool2d, {"kernel_size": 3, "stride": 1, "padding": 1, "count_include_pad": False},
    ),
    "avg_pool2d, padded": (folds.avg_pool2d, F.avg_pool2d, {"kernel_size": (3, 2), "stride": 2, "padding": (1, 0)}),
    "adaptive_avg_pool2d": (folds.adaptive_avg_pool2d, F.adaptive_avg_pool2d, {"output_size": 1}),
    "nearest": (resampling.interpolate, F.interpolate, {"scale_factor": 2}),
    "nearest, size": (resampling.interpolate, F.interpolate, {"size": (40, 7)}),
    "nearest, factor": (resampling.interpolate, F.interpolate, {"scale_factor": (1.5, 0.5)}),
    "bilinear": (resampling.interpolate, F.interpolate, {"scale_factor": 2, "mode": "bilinear"}),
    "bilinear, size": (resampling.interpolate, F.interpolate, {"size": (40, 7), "mode": "bilinear"}),
    "bilinear, factor": (resampling.interpolate, F.interpolate, {"scale_factor": 2.3, "mode": "bilinear"}),
    "corners": (resampling.interpolate, F.interpolate, {"size": 21, "mode": "bilinear", "align_corners": True}),
    **{
        f"grid_sample, {padding}, {corners}": (
            resampling.grid_sample, F.grid_sample, {"grid": GRID, "padding_mode": padding, "align_corners": corners},
        )
        for padding in ("zeros", "border")
        for corners in (False, True)
    },
}  # fmt: skip


def call(function: Callable[..., Tensor], x: Tensor, options: dict[str, Any]) -> Tensor:
    if function in (folds.layer_norm, F.layer_norm, folds.rms_norm, F.rms_norm):
        return function(x, x.shape[2:], **options)
    options = {k: v[: len(x)] if k == "grid" else v for k, v in options.items()}
    return function(x, **options)


@pytest.mark.parametrize("name", FOLDS)
def test_folds_are_torchs_in_any_layout_and_batch(name: str, threads: Callable[[int], None]) -> None:
    ours, torchs, options = FOLDS[name]
    expected = call(ours, X, options)
    torch.testing.assert_close(expected, call(torchs, X, options), rtol=1e-12, atol=1e-12)
    for layout in (X.contiguous(memory_format=torch.channels_last), X.mT.contiguous().mT):
        assert torch.equal(call(ours, layout, options), expected)
    assert torch.equal(call(ours, X[:1], options), expected[:1])
    for count in (1, 2):
        threads(count)
        assert torch.equal(call(ours, X, options), expected)


@needs_gpu
@pytest.mark.parametrize("name", FOLDS)
def test_a_gpu_gives_the_same_bits(name: str) -> None:
    ours, _, options = FOLDS[name]
    assert torch.equal(call(ours, X.cuda(), on_gpu(options)).cpu(), call(ours, X, options))


def test_sums_of_all_and_of_nothing() -> None:
    torch.testing.assert_close(folds.total(X), X.sum(), rtol=1e-12, atol=1e-12)
    assert folds.total(X[0, 0, 0, 0]) == X[0, 0, 0, 0]
    assert torch.equal(folds.total(X[..., :0], -1), torch.zeros(4, 6, 13, dtype=torch.float64))


def test_places_of_whole_factors_are_exact_for_every_factor() -> None:
    """Reciprocals are not: 49 · (1 / 49) < 1."""
    x = torch.arange(3.0, dtype=torch.float64).reshape(1, 1, 1, 3)
    for factor in range(1, 100):
        found = resampling.interpolate(x, scale_factor=(1, factor))
        assert torch.equal(found[0, 0, 0], x[0, 0, 0].repeat_interleave(factor))


def test_volumes_are_sampled_as_torch_samples_them() -> None:
    volume, grid = X.reshape(4, 2, 3, 13, 10), 1.2 * torch.rand(4, 2, 5, 7, 3, dtype=torch.float64) - 0.6
    for corners in (False, True):
        found = resampling.grid_sample(volume, grid, padding_mode="border", align_corners=corners)
        expected = F.grid_sample(volume, grid, padding_mode="border", align_corners=corners)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore:Since version 1.3.0")
@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("size", [(2, 3, 5, 7), (2, 3, 1, 4), (2, 3, 4, 5, 6)])
def test_affine_grids(size: tuple[int, ...], corners: bool) -> None:
    d = len(size) - 2
    theta = X.flatten()[: 2 * d * (d + 1)].reshape(2, d, d + 1)
    expected = F.affine_grid(theta, list(size), align_corners=corners)
    torch.testing.assert_close(resampling.affine_grid(theta, size, corners), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("mask", [None, MASK, MASK == 0])
def test_attention(mask: Tensor | None) -> None:
    q, k, v = X[..., :10, :], X[..., 3:, :], 3 * X[..., 3:, :]
    found = attention.attention(q, k, v, mask)
    expected = F.scaled_dot_product_attention(q, k, v, mask)
    # scores, shares and values have 13, 20 and 19 bits behind the point
    torch.testing.assert_close(found, expected, rtol=0, atol=0.02)
    with shuffled_sums():
        assert torch.equal(attention.attention(q, k, v, mask), found)
    assert torch.equal(attention.attention(q[:1], k[:1], v[:1], mask), found[:1])


def test_rows_that_see_nothing() -> None:
    x = torch.full((2, 3), -torch.inf, dtype=torch.float64)
    assert torch.equal(folds.softmax(x), torch.zeros(2, 3, dtype=torch.float64))


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("kdim", [None, 10])
def test_multi_head_attention(batch_first: bool, kdim: int | None) -> None:
    torch.manual_seed(0)
    layer = nn.MultiheadAttention(12, 3, dropout=0.1, kdim=kdim, vdim=kdim, batch_first=batch_first).eval()
    q, k = torch.randn(5, 5, 12), torch.randn(5, 5, kdim or 12)
    for mask in (None, torch.triu(torch.ones(5, 5, dtype=torch.bool), 1), torch.randn(15, 5, 5)):
        found, shares = run(layer, q, k, k, attn_mask=mask)
        expected = layer(q, k, k, attn_mask=mask)
        torch.testing.assert_close((found, shares), expected, rtol=0, atol=2e-3)
        with shuffled_sums():
            assert torch.equal(run(layer, q, k, k, attn_mask=mask, need_weights=False)[0], found)
    with pytest.raises(NotExactError):
        run(layer, q, k, k, key_padding_mask=torch.zeros(5, 5, dtype=torch.bool))


@pytest.mark.parametrize(
    "equation", ["bchw,bdhw->bcd", "bchw,dc->bdhw", "bhwc, bhvc -> bhwv", "ij,jk->ki", "bi,bi->b", "i,j->ij"]
)
def test_sums_over_named_indices(equation: str) -> None:
    sides = dict(zip("bchwdvijk", (2, 3, 4, 5, 6, 7, 8, 9, 10)))
    names = equation.partition("->")[0].replace(" ", "").split(",")
    tensors = [torch.randn([sides[i] for i in name], generator=torch.Generator().manual_seed(7)) for name in names]
    found = run(torch.einsum, equation, *tensors)
    torch.testing.assert_close(found, torch.einsum(equation, *tensors), rtol=0, atol=1e-2)
    with shuffled_sums():
        assert torch.equal(run(torch.einsum, equation, *tensors), found)


REFUSED: list[Callable[[Tensor], Any]] = [
    lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True),
    lambda x: F.scaled_dot_product_attention(x, x, x, dropout_p=0.1),
    lambda x: F.interpolate(x, scale_factor=2, mode="bicubic"),
    lambda x: F.grid_sample(x, GRID[: len(x)], padding_mode="reflection"),
    lambda x: F.avg_pool2d(x, 3, ceil_mode=True),
    lambda x: F.adaptive_avg_pool2d(x, 2),
    lambda x: x.norm(1),
    lambda x: torch.einsum("bchw->bc", x),
    lambda x: torch.einsum("bchw,bcwh->bc", x, x),
    lambda x: torch.einsum("bbhw,bchw->bc", x[:, :4], x),
    lambda x: torch.var(x, False),
    lambda x: x.sum(axis=1),
]


@pytest.mark.parametrize("function", REFUSED)
def test_what_has_no_form_is_refused(function: Callable[[Tensor], Any]) -> None:
    with pytest.raises(NotExactError, match=r"as called \(.*has no exact form"):
        run(function, X)
