"""Tests that need a GPU: they are skipped where there is none."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_map

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def on_gpu(values: Any) -> Any:
    """Tensors, in tuples, lists and dicts too, copied to the GPU."""
    return tree_map(lambda value: value.cuda() if isinstance(value, Tensor) else value, values)
