"""The mode in which torch's functions are exact, and how a codec says what is to be computed in it.

    class Codec(CompressionModel):
        @exact.parameters
        def hyper_synthesis(self, z_hat):           # -> what the coder needs
            return self.h_s(z_hat).chunk(2, 1)

In training such a method is what it is without the decorator. In evaluation, and so whenever something is coded, its
arguments come in float64, torch's functions inside are those of `table.TABLE` or of IEEE 754 itself, and what it
gives is rounded to float32. A function that is neither raises `NotExactError`: nothing is inexact in silence.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils._pytree import tree_leaves, tree_map

from common.entropy.exact import sums
from common.entropy.exact.table import ARITHMETIC, IN_PLACE, INPLACE_AT, MOVING, TABLE, WITH_WEIGHTS
from common.entropy.rules import rules
from common.errors import LicError

P = ParamSpec("P")
T = TypeVar("T")


class NotExactError(LicError):
    """A function has no exact form here."""


class Exact(TorchFunctionMode):
    """Inside, torch's functions on tensors of float64 are exact; weights are taken to stay the same."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = func.__name__
        if name == "__set__" and isinstance(args[1], Tensor):  # `weight.data = weight.data * mask` keeps its type
            return func(args[0], args[1].to(args[0].dtype))
        stem = IN_PLACE.get(name) or (name if name.startswith("__") else name.rstrip("_"))
        in_place = stem != name
        if not _any_float(args) and not (kwargs and _any_float(kwargs.values())):
            result = func(*args, **kwargs)
            if not _any_float((result,)):
                return result
            if stem in MOVING:
                return tree_map(_doubled, result)
            args, kwargs = tree_map(_doubled_whole, (args, kwargs))  # floats come from whole numbers
        if stem in TABLE:
            return self._tabled(func, stem, in_place, args, dict(kwargs))
        if stem in MOVING or (stem in ARITHMETIC and (in_place or name.startswith("__i"))):
            return func(*args, **kwargs)
        if stem in ARITHMETIC:
            return func(*_each(_doubled, args), **dict(zip(kwargs, _each(_doubled, kwargs.values()))))
        raise NotExactError(f"{resolve_name(func) or name} {_NO_FORM}")

    def _tabled(self, func: Any, stem: str, in_place: bool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        place = INPLACE_AT.get(stem, len(args))
        if kwargs.get("out", self) is None:
            del kwargs["out"]
        asked = (kwargs.pop("inplace", False), *args[place : place + 1])
        in_place = in_place or any(asked)
        first, args = args[:1], args[:place]
        doubled = _doubled_input if stem in WITH_WEIGHTS else _doubled
        args, kwargs = _each(doubled, args), {k: doubled(v) for k, v in kwargs.items() if k not in _NO_MATTER}
        try:
            result = TABLE[stem](*args, **kwargs)
        except (NotImplementedError, TypeError) as error:
            raise NotExactError(f"{resolve_name(func) or stem} as called ({error}) {_NO_FORM}") from error
        return first[0].copy_(result) if in_place else result


_NO_FORM = "has no exact form (common/entropy/exact/README.md says which functions have one)."
_NO_MATTER = ("dtype", "_stacklevel", "layout", "requires_grad")  # how torch computes, not what


def _any_float(values: Any) -> bool:
    """Whether any number in the tensors among them is a float."""
    for value in values:
        if isinstance(value, Tensor):
            if value.dtype.is_floating_point or value.dtype.is_complex:
                return True
        elif isinstance(value, list | tuple) and _any_float(value):
            return True
    return False


def _each(change: Callable[[Any], Any], values: Any) -> tuple[Any, ...]:
    """`change` of every tensor among them."""
    return tuple(
        change(v) if isinstance(v, Tensor) else _each(change, v) if isinstance(v, list | tuple) and v else v
        for v in values
    )


def _doubled(value: Any) -> Any:
    """A float tensor in float64, all else as it is."""
    return value.double() if isinstance(value, Tensor) and value.is_floating_point() else value


def _doubled_whole(value: Any) -> Any:
    """A tensor of whole numbers in float64, all else as it is."""
    return value if not isinstance(value, Tensor) or value.dtype == torch.bool else value.double()


def _doubled_input(value: Any) -> Any:
    """`_doubled`, but for parameters."""
    return value if isinstance(value, nn.Parameter) else _doubled(value)


_running: ContextVar[bool] = ContextVar("exact_running", default=False)
_everywhere: ContextVar[list[Any] | None] = ContextVar("exact_everywhere", default=None)


def is_running() -> bool:
    """Whether what is called here computes exactly."""
    return _running.get()


def run(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """`function` of tensors in exact arithmetic; what it returns has its float64 rounded to float32.

    Tensors may be in tuples, lists and dicts. Within another `run` it is a part of that.

    Raises:
        NotExactError: it calls what has no exact form.
    """
    if _running.get():
        return function(*args, **kwargs)
    args, kwargs = tree_map(_doubled_input, (args, kwargs))
    token = _running.set(True)
    try:
        with _without_autocast(args), sums.same_weights(), Exact():
            result = function(*args, **kwargs)
    finally:
        _running.reset(token)
    return tree_map(_single, result)


@contextmanager
def _without_autocast(args: Any) -> Iterator[None]:
    kinds = {value.device.type for value in tree_leaves(args) if isinstance(value, Tensor)} - {"meta"}
    with ExitStack() as stack:
        for kind in kinds:
            stack.enter_context(torch.autocast(kind, enabled=False))
        yield


def _single(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) and value.dtype == torch.float64 else value


def wanted(module: nn.Module) -> bool:
    """Whether `module`, which tells the coder's parameters, is to compute exactly now."""
    return rules().exact and not module.training


def parameters(method: Callable[P, T]) -> Callable[P, T]:
    """Marks a method of a module that computes what the coder depends on, from decoded symbols to its parameters."""

    @wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        if not wanted(args[0]):  # type: ignore[arg-type]
            return method(*args, **kwargs)
        return apart(method, *args, **kwargs)

    return call


def at_positions(network: Callable[[Tensor], Tensor], x: Tensor, positions: Tensor) -> Tensor:
    """`network` of x (B, C, h, w), which sees every position by itself, where `positions`, bool (h, w), are true.

    Elsewhere the result has no meaning. Exact results do not depend on what they are computed with, so that in exact
    arithmetic nothing is computed elsewhere; floats are, as a sum may round otherwise among fewer positions.
    """
    if not is_running():
        return network(x)
    told = network(x[:, :, positions].unsqueeze(2)).squeeze(2)
    whole = told.new_zeros(len(x), told.shape[1], *positions.shape)
    whole[:, :, positions] = told
    return whole


def apart(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """`run`, which is never compiled."""
    return _never_compiled(run)(function, *args, **kwargs)


def _never_compiled(function: Callable[..., T]) -> Callable[..., T]:
    """`function`, hidden from torch's compiler where that is in use: it takes seconds to import."""
    if "torch._dynamo" not in sys.modules:
        return function
    return torch.compiler.disable(function)


@contextmanager
def everywhere() -> Iterator[None]:
    """Inside, `synthesis` is exact, too: the same pixels on every machine, slowly.

    It may be within another: what is synthesised counts for both.

    Raises:
        NotExactError: at the end, if nothing was synthesised by `synthesis`, so that pixels are those of floats.
    """
    done: list[Any] = []
    outer = _everywhere.get()
    token = _everywhere.set(done)
    try:
        yield
    finally:
        _everywhere.reset(token)
    if not done:
        raise NotExactError(
            "This codec does not say which of its networks make pixels, so that they cannot compute exactly: call its "
            "synthesis g_s, or name its networks in an attribute synthesis_networks."
        )
    if outer is not None:
        outer.append(True)


def synthesis(function: Callable[..., T], *args: Any) -> T:
    """`function` of decoded values, as it is, or within `everywhere` in exact arithmetic."""
    done = _everywhere.get()
    if done is None:
        return function(*args)
    done.append(True)
    return _never_compiled(_synthesised)(function, *args)


def _synthesised(function: Callable[..., T], *args: Any) -> T:
    with sums.measured_ranges():
        return run(function, *args)
