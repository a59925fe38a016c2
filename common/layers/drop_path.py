"""Drop path: in training, a part of a residual block is left out at random.

    x + part(x)   or   x

G. Huang, Y. Sun, Z. Liu, D. Sedra, K. Weinberger: "Deep networks with stochastic depth", ECCV 2016. For each picture by
itself, as in the Swin transformer. Torchvision's `StochasticDepth` draws anew in every process; this draws for all.
"""

from torch import Tensor, nn

from common.randomness import rand_for_batch


class DropPath(nn.Module):
    """(B, …) -> in training 0 for some pictures, and for the others so much more that the mean stays.

    Args:
        drop: how often it is 0, in [0, 1).
    """

    def __init__(self, drop: float = 0.0) -> None:
        super().__init__()
        self.drop = drop

    def forward(self, part: Tensor) -> Tensor:
        if not self.training or not self.drop:
            return part
        kept = rand_for_batch((len(part), *[1] * (part.ndim - 1)), part.device) >= self.drop
        return part * kept / (1 - self.drop)


def rising(drop: float, count: int) -> list[float]:
    """How often the parts of `count` blocks are left out: from 0 for the first to `drop` for the last."""
    return [drop * i / (count - 1) for i in range(count)]
