"""What every LightningModule here does: stop, with a sentence, at the step where training diverges."""

from collections.abc import Callable
from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

ADVICE = "its last checkpoint is from before: try a lower model.optimizer.lr or trainer.gradient_clip_val."


class NonFiniteLoss(Exception):
    """Training diverged."""


class GuardedModule(lightning.LightningModule):
    """Checks losses and gradients, and clips the gradients of the optimiser's first parameter group."""

    def checked(self, loss: Tensor) -> Tensor:
        """`loss`, a scalar, if it is finite."""
        if not torch.isfinite(loss):
            raise NonFiniteLoss(f"the loss is {loss.item()} at step {self.global_step}; {ADVICE}")
        return loss

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the main group only: the gradients of a codec's quantiles are large and would shrink all others."""
        main = optimizer.param_groups[0]["params"]
        norm = nn.utils.clip_grad_norm_(main, gradient_clip_val or float("inf"))
        # Half precision overflows now and then, and its scaler skips those steps.
        if not torch.isfinite(norm) and self.trainer.precision != "16-mixed":
            raise NonFiniteLoss(f"the gradient is {norm.item()} at step {self.global_step}; {ADVICE}")
        self.log("train/grad_norm", norm)


def codec_optimizer(
    codec: nn.Module,
    optimizer: Callable[[list[dict[str, Any]]], Optimizer],
    scheduler: Callable[[Optimizer, int], LRScheduler],
    aux_lr: float,
    steps: int,
) -> Any:
    """What `configure_optimizers` of a codec returns: the quantiles of its bottlenecks are a group of their own.

    Args:
        optimizer, scheduler: partials, the latter called with (optimizer, steps), for the other parameters.
        aux_lr: rate of the quantiles, constant over the run.
        steps: of the run. Parameters that need no gradient are left out.
    """
    named = [(name, p) for name, p in codec.named_parameters() if p.requires_grad]
    quantiles = [p for name, p in named if name.endswith("quantiles")]
    groups: list[dict[str, Any]] = [{"params": [p for name, p in named if not name.endswith("quantiles")]}]
    if quantiles:
        groups.append({"params": quantiles, "lr": aux_lr, "weight_decay": 0.0})
    optimiser = optimizer(groups)
    schedule = scheduler(optimiser, steps)
    if quantiles and isinstance(schedule, LambdaLR):
        schedule.lr_lambdas[1] = constant
    return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def constant(step: int) -> float:
    """Schedule of the quantiles."""
    return 1.0
