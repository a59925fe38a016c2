"""What a network costs, counted, not timed."""

from collections.abc import Callable
from functools import partial
from itertools import chain

import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from common.entropy.rules import PRESENT, coding_by

# What the papers count on: a Kodak photograph, batch, channels, height, width.
KODAK = (1, 3, 512, 768)


def gmacs(module: nn.Module, shape: tuple[int, ...] = KODAK) -> float:
    """Multiply-accumulates of one forward pass of `module` on an input of `shape`, in units of 1e9.

    Of a codec, encoding and decoding together, what both need (h_s) counted once. Convolutions and products of
    matrices are counted, those inside attention included; element-wise work is not. The pass runs in evaluation mode
    and on shapes alone, so that the figure depends on neither weights nor machine; a module that looks at values gets
    zeros.

    >>> round(gmacs(nn.Conv2d(3, 192, 5, stride=2, padding=2)), 3)  # 256 * 384 places, 192 * 3 * 25 products each
    1.416
    """
    training = module.training
    module.eval()
    shapes = FakeTensorMode(allow_non_fake_inputs=True)  # constants that are neither parameters nor buffers
    state = chain(module.named_parameters(), module.named_buffers())
    fakes: dict[str, Tensor] = {name: shapes.from_tensor(tensor) for name, tensor in state}
    try:
        with shapes:
            operations = _operations(partial(functional_call, module, fakes), module, shape)
    except RuntimeError:  # values are asked for, which shapes do not have
        operations = _operations(module, module, shape)
    module.train(training)
    return operations / 2e9


def _operations(forward: Callable[[Tensor], object], module: nn.Module, shape: tuple[int, ...]) -> int:
    """Multiplications and additions of `forward`."""
    x = torch.zeros(shape, device=next(module.parameters()).device)
    # Fused attention is known to the counter on some devices and in some versions; as two products it always is.
    floats = coding_by(PRESENT._replace(exact=False))  # what kernels of ours compute is not counted, and needs values
    with torch.no_grad(), floats, sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        forward(x)
    return int(counter.get_total_flops())
