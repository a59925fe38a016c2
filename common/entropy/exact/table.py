"""Which of torch's functions have an exact form, by torch's names; the underscore of those in place is left out."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from common.entropy.exact import attention, folds, functions, ieee, resampling, sums

# Name -> exact form.
TABLE: dict[str, Callable[..., Any]] = {
    **{name: getattr(sums, name) for name in ("linear", "conv2d", "conv_transpose2d", "matmul")},
    **dict.fromkeys(("bmm", "mm", "__matmul__"), sums.matmul),
    "__rmatmul__": lambda a, b: sums.matmul(b, a),
    **{name: getattr(functions, name) for name in ("exp", "log", "log1p", "sigmoid", "tanh", "softplus", "erf")},
    **{name: getattr(functions, name) for name in ("gelu", "silu", "mish", "elu", "rsqrt", "prelu", "batch_norm")},
    "hardsigmoid": functions.hard_sigmoid,
    "hardswish": functions.hard_swish,
    **dict.fromkeys(("log_sigmoid", "logsigmoid"), functions.log_sigmoid),
    **dict.fromkeys(("pow", "__pow__"), functions.power),
    **{name: getattr(functions, name) for name in ("linspace", "arange")},
    "sum": folds.total,
    **{name: getattr(folds, name) for name in ("mean", "var", "std", "softmax", "log_softmax", "norm", "normalize")},
    **{name: getattr(folds, name) for name in ("layer_norm", "group_norm", "rms_norm")},
    **{name: getattr(folds, name) for name in ("avg_pool2d", "adaptive_avg_pool2d")},
    "scaled_dot_product_attention": attention.attention,
    "multi_head_attention_forward": attention.multi_head,
    "einsum": attention.einsum,
    **{name: getattr(resampling, name) for name in ("interpolate", "grid_sample", "affine_grid")},
    **{name: getattr(ieee, name) for name in ("sqrt", "add", "sort", "argsort", "topk", "dropout")},
    **dict.fromkeys(("div", "divide", "true_divide", "__truediv__", "__div__"), ieee.divide),
    **dict.fromkeys(("__rtruediv__", "__rdiv__"), lambda a, b: ieee.divide(b, a)),
    **dict.fromkeys(("sub", "subtract"), ieee.subtract),
    **dict.fromkeys(("rsub", "__rsub__"), lambda a, b, alpha=1: ieee.subtract(b, a, alpha)),
    "reciprocal": lambda x: ieee.divide(1, x),
    **dict.fromkeys(("dropout2d", "dropout3d"), ieee.dropout),
    "to": ieee.converted,
    "type_as": lambda x, other: ieee.converted(x, other.dtype),
    **dict.fromkeys(("float", "double"), lambda x: x.double()),
    **{name: partial(ieee.whole, dtype=getattr(torch, name)) for name in ("long", "int", "int32", "int64", "short")},
}

# These keep grids with the weights they are given, by which they know them again.
WITH_WEIGHTS = frozenset(("linear", "conv2d", "conv_transpose2d", "multi_head_attention_forward"))

# Where they have the argument `inplace`, if it is given by its place.
INPLACE_AT = {"silu": 1, "mish": 1, "hardsigmoid": 1, "hardswish": 1, "elu": 2, "dropout": 3, "dropout2d": 3}

IN_PLACE = {"__itruediv__": "__truediv__", "__ipow__": "__pow__", "__imatmul__": "__matmul__"}

# What IEEE 754 gives to the last bit, elementwise; largest and smallest elements.
ARITHMETIC = frozenset(
    """
    abs absolute mul multiply neg negative square sign sgn __add__ __radd__ __iadd__ __sub__ __isub__ __mul__ __rmul__
    __imul__ __neg__ __abs__ round floor ceil trunc frac clamp clamp_min clamp_max clip relu relu6 leaky_relu hardtanh
    threshold max min amax amin maximum minimum max_pool2d
    """.split()  # noqa: SIM905 - a list of names is read as a text
)

# What only moves, compares or describes numbers.
MOVING = frozenset(
    """
    argmax argmin eq ne lt le gt ge __eq__ __ne__ __lt__ __le__ __gt__ __ge__ isfinite isnan isinf equal any all
    logical_and logical_or logical_not where masked_fill cat concat stack hstack vstack chunk split tensor_split unbind
    unflatten flatten reshape view view_as permute transpose swapaxes movedim moveaxis squeeze unsqueeze expand
    expand_as repeat repeat_interleave tile narrow select index_select gather take_along_dim __getitem__ __setitem__
    roll flip rot90 pad constant_pad_nd pixel_shuffle pixel_unshuffle channel_shuffle unfold t contiguous clone detach
    copy diagonal tril triu meshgrid broadcast_to broadcast_tensors zeros_like ones_like empty_like
    full_like new_zeros new_ones new_empty new_full new_tensor fill zero bool cpu cuda item tolist size dim numel
    stride is_contiguous is_floating_point is_complex element_size storage_offset __len__ __bool__ __int__ __float__
    __index__ __iter__ __format__ __repr__ __hash__ __reversed__ requires_grad is_inference __get__ __set__ get_device
    _is_view __contains__ nelement ndimension is_same_size tensor as_tensor zeros ones full eye empty scalar_tensor
    """.split()  # noqa: SIM905 - a list of names is read as a text
)
