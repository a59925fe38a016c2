"""Elementwise functions are torch's in float64, within the errors that they tell."""

import math
from collections.abc import Callable

import pytest
import torch
from support.gpu import needs_gpu
from torch import Tensor
from torch.nn import functional as F

from common.entropy.exact import functions

DRAWN = torch.randn(20_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
X = torch.cat([DRAWN, 10 * DRAWN, 200 * DRAWN, 1e-8 * DRAWN, torch.linspace(-30, 30, 10_001).double(), torch.zeros(1)])

ABSOLUTE: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "log": (lambda x: functions.log(x.abs() + 1e-300), lambda x: (x.abs() + 1e-300).log()),
    "log1p": (lambda x: functions.log1p(x.abs()), lambda x: x.abs().log1p()),
    "sigmoid": (functions.sigmoid, torch.sigmoid),
    "tanh": (functions.tanh, torch.tanh),
    "softplus": (functions.softplus, F.softplus),
    "softplus, steep": (lambda x: functions.softplus(x, 3, 5), lambda x: F.softplus(x, 3, 5)),
    "erf": (functions.erf, torch.erf),
    "log_sigmoid": (functions.log_sigmoid, F.logsigmoid),
    "elu": (lambda x: functions.elu(x, 0.7), lambda x: F.elu(x, 0.7)),
    "hard_sigmoid": (functions.hard_sigmoid, F.hardsigmoid),
}
TIMES_X = {
    "gelu": (functions.gelu, F.gelu),
    "gelu, tanh": (lambda x: functions.gelu(x, "tanh"), lambda x: F.gelu(x, approximate="tanh")),
    "silu": (functions.silu, F.silu),
    "mish": (functions.mish, F.mish),
    "hard_swish": (functions.hard_swish, F.hardswish),
}
RELATIVE = {
    "exp": (lambda x: functions.exp(x.clamp(-690, 690)), lambda x: x.clamp(-690, 690).exp()),
    "normal_below": (
        lambda x: functions.normal_below(x.clamp_min(-35)),
        lambda x: 0.5 * torch.erfc(-x.clamp_min(-35) / math.sqrt(2)),
    ),
    "rsqrt": (lambda x: functions.rsqrt(x.abs() + 1e-9), lambda x: (x.abs() + 1e-9).rsqrt()),
    **{
        f"power {n}": (
            lambda x, n=n: functions.power(x.abs() + 1e-3, n),
            lambda x, n=n: (x.abs() + 1e-3) ** n,
        )
        for n in (-2, -1.5, -0.5, 0, 0.5, 1, 2, 2.5, 8)
    },
}  # fmt: skip


@pytest.mark.parametrize("name", ABSOLUTE)
def test_absolute_errors(name: str) -> None:
    ours, torchs = ABSOLUTE[name]
    assert (ours(X) - torchs(X)).abs().max() < 1e-12


@pytest.mark.parametrize("name", TIMES_X)
def test_errors_that_grow_with_x(name: str) -> None:
    ours, torchs = TIMES_X[name]
    assert ((ours(X) - torchs(X)).abs() <= 1e-12 * X.abs().clamp_min(1)).all()


@pytest.mark.parametrize("name", RELATIVE)
def test_relative_errors(name: str) -> None:
    ours, torchs = RELATIVE[name]
    torch.testing.assert_close(ours(X), torchs(X), rtol=1e-12, atol=0)


@needs_gpu
@pytest.mark.parametrize("name", [*ABSOLUTE, *TIMES_X, *RELATIVE])
def test_a_gpu_gives_the_same_bits(name: str) -> None:
    ours = {**ABSOLUTE, **TIMES_X, **RELATIVE}[name][0]
    assert torch.equal(ours(X.cuda()).cpu(), ours(X))


def test_ends() -> None:
    x = torch.tensor([-torch.inf, torch.inf, torch.nan, 0.0, -0.0], dtype=torch.float64)
    for function in (
        functions.sigmoid,
        functions.tanh,
        functions.erf,
        functions.softplus,
        functions.log,
        functions.exp,
    ):
        found = function(x)
        assert found[2].isnan() and found[3:].isfinite().all() and not found[:2].isnan().any()
    wrong_sign = (-x[2:3].abs()).abs().neg()
    assert functions.log(wrong_sign).isnan()  # whatever its bits are
    assert functions.exp(torch.tensor([1000.0], dtype=torch.float64)) == functions.exp(torch.tensor([700.0]).double())


def test_vectors_and_single_numbers_are_computed_alike() -> None:
    """A library's vector code and its code for what is left over must not differ."""
    x = X[:1003]
    for function in (functions.exp, functions.log1p, functions.gelu, functions.softplus, functions.rsqrt):
        together = function(x.abs())
        assert torch.equal(together, torch.stack([function(one.abs()) for one in x]))
        assert torch.equal(together, function(x.abs().repeat(3, 1).t()[:, 1]))


@pytest.mark.parametrize("function", [functions.exp, functions.log, functions.normal_below])
def test_compiled_functions_are_the_others_to_the_bit(
    function: Callable[[Tensor], Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On GPUs, and where gradients are, they are not compiled."""
    ends = torch.tensor(
        [torch.nan, torch.inf, -torch.inf, -0.0, 1e-320, 2.0**-1022, 1e308, -1e308], dtype=torch.float64
    )
    x = torch.cat([X, ends])
    compiled = [function(x), function(x.abs()), function(x.reshape(-1, 1)[1::2])]
    monkeypatch.setattr(functions, "compiled", lambda x: False)
    others = [function(x), function(x.abs()), function(x.reshape(-1, 1)[1::2])]
    for one, other in zip(compiled, others):
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)


def test_other_powers_are_refused() -> None:
    for exponent in (0.3, 9, torch.tensor(2.0)):
        with pytest.raises(NotImplementedError):
            functions.power(X, exponent)  # type: ignore[arg-type]


def test_slopes_and_running_statistics() -> None:
    x = DRAWN[:1200].reshape(2, 3, 200)
    weight = torch.tensor([0.1, 0.2, 0.3])
    torch.testing.assert_close(functions.prelu(x, weight), F.prelu(x, weight.double()), rtol=0, atol=0)
    torch.testing.assert_close(functions.prelu(x, weight[:1]), F.prelu(x, weight[:1].double()), rtol=0, atol=0)
    told = [torch.rand(3) + 0.5 for _ in range(4)]
    expected = F.batch_norm(x, *(p.double() for p in told))
    torch.testing.assert_close(functions.batch_norm(x, *told), expected, rtol=1e-12, atol=1e-12)
    with pytest.raises(NotImplementedError):
        functions.batch_norm(x, *told, training=True)


def test_rows_of_numbers() -> None:
    expected = torch.linspace(-2, 3, 7, dtype=torch.float64)
    torch.testing.assert_close(functions.linspace(-2, 3, 7), expected, rtol=0, atol=1e-15)
    for arguments in ((5.0,), (1.0, 4.0), (0.0, 1.0, 0.1), (3.0, 1.0, -0.3)):
        expected = torch.arange(*arguments, dtype=torch.float64)
        torch.testing.assert_close(functions.arange(*arguments), expected, rtol=0, atol=1e-15)
