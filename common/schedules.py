"""Learning-rate schedules as proportions of the run, so that a paper's recipe holds at any budget."""

import math
from collections.abc import Sequence

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from common.errors import LicError


def unchanged(optimizer: Optimizer, total_steps: int) -> LambdaLR:
    """The base rate at every step."""
    return LambdaLR(optimizer, lambda step: 1.0)


def steps(optimizer: Optimizer, total_steps: int, fractions: Sequence[float], factors: Sequence[float]) -> LambdaLR:
    """Piecewise constant: `factors[i]` times the base rate for `fractions[i]` of `total_steps`.

    Papers state such schedules in absolute steps or epochs; `fractions` are those counts over their sum and need
    not be normalised.
    """
    if len(fractions) != len(factors):
        raise LicError(f"a schedule needs as many fractions as factors, not {len(fractions)} and {len(factors)}.")
    total = sum(fractions)
    ends = [sum(fractions[: i + 1]) / total * total_steps for i in range(len(fractions))]

    def factor(step: int) -> float:
        return next((f for end, f in zip(ends, factors) if step < end), factors[-1])

    return LambdaLR(optimizer, factor)


def cosine(optimizer: Optimizer, total_steps: int, warmup: float = 0.02, final: float = 0.02) -> LambdaLR:
    """Linear warm-up over the fraction `warmup`, then half a cosine from 1 down to `final` times the base rate."""

    def factor(step: int) -> float:
        done = step / max(1, total_steps)
        if done < warmup:
            return (step + 1) / (warmup * total_steps + 1)
        progress = min(1.0, (done - warmup) / (1 - warmup))
        return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))

    return LambdaLR(optimizer, factor)
