"""What IEEE 754 tells to the last bit, where torch takes liberties: division, roots, conversions, the order of equals.

A GPU multiplies by the reciprocal of a divisor that is a number and no tensor. Vector libraries promise a root within
one unit in the last place, not the nearest float. Floats beyond an integer type become what the processor likes. A
product inside of an addition may be fused with it.
"""

from typing import Any

import torch
from torch import Tensor


def divide(a: Any, b: Any, rounding_mode: str | None = None) -> Tensor:
    """a / b, of tensors and numbers, one of them a tensor."""
    if rounding_mode is not None:
        raise NotImplementedError(f"division with rounding_mode={rounding_mode!r}")
    tensors = [v for v in (a, b) if isinstance(v, Tensor)]
    device = max(tensors, key=lambda v: (v.ndim, v.device.type != "cpu")).device
    return torch.true_divide(*(_tensor(v, device) for v in (a, b)))


def _tensor(value: Any, device: torch.device) -> Tensor:
    if not isinstance(value, Tensor):
        return torch.scalar_tensor(value, dtype=torch.float64, device=device)
    return value.double() if value.ndim else value.double().to(device)


def sqrt(x: Tensor) -> Tensor:
    """The float64 nearest to √x, from any root that is right within a unit in the last place.

    One step of Newton's, with the rest x - root² to the last bit (T. J. Dekker, Numerische Mathematik 18, 1971).
    """
    root = x.sqrt()
    split = root * (2.0**27 + 1)
    high = split - (split - root)
    low, square = root - high, root * root
    rest = (x - square) - (((high * high - square) + 2 * (high * low)) + low * low)
    better = root + rest / (2 * root)
    return torch.where((root > 1e-140) & (root < 1e140), better, root)


def add(a: Any, b: Any, alpha: float = 1) -> Tensor:
    """a + alpha b."""
    return a + (b if alpha == 1 else b * alpha)


def subtract(a: Any, b: Any, alpha: float = 1) -> Tensor:
    """a - alpha b."""
    return a - (b if alpha == 1 else b * alpha)


def whole(x: Tensor, dtype: torch.dtype) -> Tensor:
    """x without what is behind the point, as an integer type, whose limits stand for what is beyond; 0 for NaN."""
    limits = torch.iinfo(dtype)
    low, high = float(limits.min), float(min(limits.max, 2**63 - 1024))  # the last float64 before 2^63
    return x.nan_to_num(0.0, high, low).clamp(low, high).to(dtype)


def converted(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """As `Tensor.to`; all floats are float64."""
    asked = torch.empty(0, dtype=x.dtype, device=x.device).to(*args, **kwargs)
    if asked.is_floating_point():
        return x.to(asked.device).double()
    if asked.dtype == torch.bool or not x.is_floating_point():
        return x.to(asked.device).to(asked.dtype)
    return whole(x, asked.dtype).to(asked.device)


def sort(x: Tensor, dim: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """As `torch.sort`; equals stay in their order."""
    return torch.sort(x, dim=dim, descending=descending, stable=True)


def argsort(x: Tensor, dim: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """As `torch.argsort`; equals stay in their order."""
    return sort(x, dim, descending).indices


def topk(x: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """As `torch.topk`; of equals the first."""
    values, indices = sort(x, dim, largest)
    return torch.return_types.topk((values.narrow(dim, 0, k), indices.narrow(dim, 0, k)))


def dropout(x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """As in evaluation: x itself."""
    if training and p:
        raise NotImplementedError("in training")
    return x
