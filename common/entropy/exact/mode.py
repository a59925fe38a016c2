"""The mode in which torch's functions are exact, and how a codec says what is to be computed in it.

    class Codec(CompressionModel):
        @exact.parameters
        def hyper_synthesis(self, z_hat):           # -> what the coder needs
            return self.h_s(z_hat).chunk(2, 1)

In training such a method is what it is without the decorator. In evaluation, and so whenever something is coded, its
arguments come in float64, torch's functions inside are those of `TABLE` or of IEEE 754 itself, and what it gives is
rounded to float32. A function that is neither raises `NotExactError`: nothing is inexact in silence.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils._pytree import tree_leaves, tree_map

from common.entropy.exact import folds, functions, sums
from common.entropy.rules import rules
from common.errors import LicError

P = ParamSpec("P")
T = TypeVar("T")


class NotExactError(LicError):
    """A function has no exact form here."""


# By torch's name for a function, without the underscore at its end: its exact form.
TABLE: dict[str, Callable[..., Any]] = {
    **{name: getattr(sums, name) for name in ("linear", "conv2d", "conv_transpose2d", "matmul")},
    **dict.fromkeys(("bmm", "mm", "__matmul__"), sums.matmul),
    "__rmatmul__": lambda a, b: sums.matmul(b, a),
    **{
        name: getattr(functions, name) for name in ("exp", "log", "log1p", "sigmoid", "tanh", "softplus", "erf", "gelu")
    },
    **{name: getattr(functions, name) for name in ("silu", "elu", "rsqrt", "prelu")},
    "hardsigmoid": functions.hard_sigmoid,
    **dict.fromkeys(("pow", "__pow__"), functions.power),
    **dict.fromkeys(("__rdiv__", "__rtruediv__"), lambda x, number: functions.divided(number, x)),
    "batch_norm": functions.batch_norm,
    "linspace": functions.linspace,
    "softmax": folds.softmax,
    "scaled_dot_product_attention": folds.attention,
    "sum": folds.total,
    **{name: getattr(folds, name) for name in ("mean", "var", "layer_norm", "norm", "normalize", "avg_pool2d")},
    **{name: getattr(folds, name) for name in ("adaptive_avg_pool2d", "interpolate", "grid_sample")},
}

# What IEEE 754 gives to the last bit, elementwise, and what only moves, selects or compares numbers.
AS_THEY_ARE = frozenset(
    """
    abs absolute add sub subtract mul multiply div divide true_divide neg negative sqrt square reciprocal sign sgn
    __add__ __radd__ __iadd__ __sub__ __rsub__ __isub__ __mul__ __rmul__ __imul__ __truediv__ __rtruediv__
    __itruediv__ __neg__ __abs__ __floordiv__ __mod__ __and__ __or__ __invert__ __xor__ rsub __div__ __rdiv__ round
    floor ceil trunc frac clamp clamp_min clamp_max clip relu relu6 leaky_relu hardtanh threshold max min amax amin
    maximum minimum argmax argmin sort topk max_pool2d eq ne lt le gt ge __eq__ __ne__ __lt__ __le__ __gt__ __ge__
    isfinite isnan isinf equal any all logical_and logical_or logical_not where masked_fill cat concat stack hstack
    vstack chunk split tensor_split unbind unflatten flatten reshape view view_as permute transpose swapaxes movedim
    moveaxis squeeze unsqueeze expand expand_as repeat repeat_interleave tile narrow select index_select gather
    take_along_dim scatter __getitem__ __setitem__ roll flip rot90 pad constant_pad_nd pixel_shuffle pixel_unshuffle
    channel_shuffle unfold dropout dropout2d dropout3d t contiguous clone detach copy diagonal tril triu meshgrid
    broadcast_to broadcast_tensors as_strided zeros_like ones_like empty_like full_like new_zeros new_ones new_empty
    new_full new_tensor fill zero to type float double long int bool type_as cpu cuda item tolist numpy size dim
    numel stride is_contiguous is_floating_point is_complex element_size data_ptr storage_offset __len__ __bool__
    __int__ __float__ __index__ __iter__ __format__ __repr__ __hash__ __reversed__ requires_grad_ is_inference
    __get__ __set__ get_device untyped_storage _is_view __contains__ nelement ndimension is_same_size
    """.split()  # noqa: SIM905 - a list of names is read as a text
)


class Exact(TorchFunctionMode):
    """Inside, torch's functions on tensors of float64 are exact; weights are taken to stay the same."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = func.__name__
        stem = name if name.startswith("__") else name.rstrip("_")
        exact = TABLE.get(stem)
        if not _computes(args, kwargs) and stem != "linspace":
            return func(*args, **kwargs)
        if exact is None:
            if stem in AS_THEY_ARE:
                return func(*args, **kwargs)
            raise NotExactError(f"{resolve_name(func) or name} {_NO_FORM}")
        in_place = (name != stem) or kwargs.pop("inplace", False)
        kwargs = {key: _doubled(value) for key, value in kwargs.items() if key not in _NO_MATTER}
        try:
            result = exact(*map(_doubled, args), **kwargs)
        except (NotImplementedError, TypeError) as error:
            raise NotExactError(f"{resolve_name(func) or name} as called ({error}) {_NO_FORM}") from error
        return args[0].copy_(result) if in_place else result


_NO_FORM = "has no exact form (common/entropy/exact/README.md says which functions have one)."
_NO_MATTER = ("dtype", "_stacklevel", "out", "training", "enable_gqa")  # how torch computes, not what


def _computes(args: Any, kwargs: dict[str, Any]) -> bool:
    """Whether any number among the arguments is a float."""
    return any(
        isinstance(value, Tensor) and value.is_floating_point()
        for item in (*args, *kwargs.values())
        for value in (item if isinstance(item, list | tuple) else (item,))
    )


def _doubled(value: Any) -> Any:
    """A float tensor in float64, all else as it is; parameters, too, as their grids are kept with them."""
    if isinstance(value, Tensor) and value.is_floating_point() and not isinstance(value, nn.Parameter):
        return value.double()
    return value


_running: ContextVar[bool] = ContextVar("exact_running", default=False)
_everywhere: ContextVar[bool] = ContextVar("exact_everywhere", default=False)


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
    args, kwargs = tree_map(_doubled, (args, kwargs))
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
        return _never_compiled(method, *args, **kwargs)

    return call


@torch.compiler.disable
def _never_compiled(method: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    return run(method, *args, **kwargs)


@contextmanager
def everywhere() -> Iterator[None]:
    """Inside, `synthesis` is exact, too: the same pixels on every machine, slowly."""
    token = _everywhere.set(True)
    try:
        yield
    finally:
        _everywhere.reset(token)


def synthesis(function: Callable[..., T], *args: Any) -> T:
    """`function` of decoded values, as it is, or within `everywhere` in exact arithmetic."""
    if not _everywhere.get():
        return function(*args)
    with sums.measured_ranges():
        return run(function, *args)
