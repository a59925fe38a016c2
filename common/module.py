"""What every LightningModule here does: stop, with a sentence, at the step where training diverges."""

import lightning
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

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
