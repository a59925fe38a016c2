"""What IEEE 754 tells is what comes, whatever a library makes of it."""

import numpy as np
import pytest
import torch
from torch import Tensor

from common.entropy.exact import ieee

X = 1e3 * torch.rand(100_003, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("away", [-torch.inf, 0.0, torch.inf])
@pytest.mark.parametrize("size", [2.0**-40, 1.0, 1e100])
def test_roots_are_the_nearest_floats_even_if_a_librarys_are_not(
    size: float, away: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    nearest = torch.from_numpy(np.sqrt((X * size).numpy()))
    library = torch.nextafter(nearest, torch.full_like(nearest, away)) if away else nearest
    monkeypatch.setattr(Tensor, "sqrt", lambda x: library)
    assert torch.equal(ieee.sqrt(X * size), nearest)


def test_roots_at_the_ends() -> None:
    x = torch.tensor([0.0, 1e-300, 1e300, torch.inf, 4.0], dtype=torch.float64)
    assert torch.equal(ieee.sqrt(x), x.sqrt())
    assert ieee.sqrt(torch.tensor([-1.0, torch.nan], dtype=torch.float64)).isnan().all()


def test_a_number_divides_as_a_tensor(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = torch.from_numpy(X.numpy() / 3)
    assert torch.equal(ieee.divide(X, 3), expected)
    assert torch.equal(ieee.divide(3, X), torch.from_numpy(3 / X.numpy()))
    assert torch.equal(ieee.divide(X, torch.tensor(3)), expected)
    assert torch.equal(ieee.divide(torch.tensor([1, 2]), 3), torch.tensor([1, 2], dtype=torch.float64) / 3)
    real = torch.true_divide
    seen: list[object] = []
    monkeypatch.setattr(torch, "true_divide", lambda a, b: seen.extend((a, b)) or real(a, b))
    ieee.divide(X, 3)
    assert all(isinstance(value, Tensor) for value in seen)  # a GPU multiplies by the reciprocal of what is no tensor
    with pytest.raises(NotImplementedError):
        ieee.divide(X, 3, rounding_mode="floor")


def test_whole_numbers_have_an_end() -> None:
    x = torch.tensor([2.7, -2.7, torch.nan, torch.inf, -torch.inf, 1e30], dtype=torch.float64)
    assert ieee.whole(x, torch.int32).tolist() == [2, -2, 0, 2**31 - 1, -(2**31), 2**31 - 1]
    assert ieee.whole(x, torch.int64).tolist()[3:] == [2**63 - 1024, -(2**63), 2**63 - 1024]


def test_conversions_keep_float64_and_go_where_they_are_sent() -> None:
    x = torch.tensor([0.1], dtype=torch.float64)
    for found in (ieee.converted(x, torch.float32), ieee.converted(x, "cpu"), ieee.converted(x, x.float())):
        assert torch.equal(found, x) and found.dtype == torch.float64
    assert ieee.converted(x, "meta", torch.float16).device.type == "meta"
    assert ieee.converted(torch.tensor([3]), torch.float32).dtype == torch.float64
    assert ieee.converted(torch.tensor([3]), torch.uint8).dtype == torch.uint8
    assert ieee.converted(torch.tensor([1e9]), torch.int8).item() == 127
    assert ieee.converted(torch.tensor([0.2]), torch.bool).item() is True


def test_equals_stay_in_their_order() -> None:
    x = torch.tensor([1.0, 2.0, 2.0, 0.0] * 50)
    assert ieee.argsort(x).tolist() == sorted(range(200), key=lambda i: x[i].item())
    values, indices = ieee.topk(x, 3)
    assert values.tolist() == [2.0] * 3 and indices.tolist() == [1, 2, 5]
    assert ieee.topk(x, 2, largest=False).indices.tolist() == [3, 7]


def test_a_product_is_rounded_before_it_is_added() -> None:
    a, b, c = X[0], 1 + 2.0**-30, -(X[0] * (1 + 2.0**-30))
    assert ieee.add(c, a, alpha=b) == 0 and ieee.subtract(a * b, a, alpha=b) == 0


def test_dropout_is_for_training() -> None:
    assert ieee.dropout(X, 0.5, training=False) is X
    with pytest.raises(NotImplementedError):
        ieee.dropout(X)
