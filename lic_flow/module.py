"""Training of any flow network: one loss over its sequence of flows, everything else is Lightning's."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from common.errors import LicError
from common.metrics.flow import FlowMetrics
from common.module import GuardedModule, scheduled
from lic_flow.inference import estimate


def sequence_loss(flows: Sequence[Tensor], flow: Tensor, valid: Tensor, delta: float) -> Tensor:
    """Σ_i δ^(n-i) |flow - flow_i|₁, averaged over the valid pixels (thesis, (4.8)).

    Args:
        flows: n flows (B, 2, H, W), coarse to fine; the last has the weight 1.
        flow, valid: ground truth (B, 2, H, W), and where it counts (B, H, W).
        delta: δ; 0.8 as usual. The thesis prints 0.10: then all but the last two hardly count.
    """
    weight = valid.float()
    pixels = weight.sum().clamp_min(1)
    errors = [((f.float() - flow).abs().sum(1) * weight).sum() / pixels for f in flows]
    return sum(delta ** (len(errors) - 1 - i) * error for i, error in enumerate(errors))  # type: ignore[return-value]


class FlowEstimator(GuardedModule):
    """Trains `network` on the sequence loss.

    Args:
        network: (first, second) -> flows, coarse to fine, (B, 2, H, W) in pixels.
        optimizer: partial of a torch optimiser.
        scheduler: partial called with (optimizer, total_steps).
        delta: of the sequence loss.
        max_flow: ground truth longer than this many pixels does not count in training, as in RAFT.
        compile: run the network through torch.compile.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: Callable[[list[dict[str, Any]]], Optimizer],
        scheduler: Callable[[Optimizer, int], LambdaLR],
        delta: float = 0.8,
        max_flow: float = 400.0,
        compile: bool = False,
    ) -> None:
        super().__init__()
        if not 0 < delta <= 1:
            raise LicError(f"delta must be above 0 and at most 1, not {delta}.")
        self.network = network
        self.optimizer, self.scheduler = optimizer, scheduler
        self.delta, self.max_flow = delta, max_flow
        self.val_metrics = FlowMetrics()
        if compile:
            self.network.compile()

    def forward(self, first: Tensor, second: Tensor) -> list[Tensor]:
        return self.network(first, second)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        flow = batch["flow"]
        valid = batch["valid"] & (flow.norm(dim=1) < self.max_flow)
        flows = self(batch["first"], batch["second"])
        loss = self.checked(sequence_loss(flows, flow, valid, self.delta))
        if self.logs_now:
            with torch.no_grad():
                weight = valid.float()
                epe = ((flows[-1].float() - flow).norm(dim=1) * weight).sum() / weight.sum().clamp_min(1)
            self.show({"loss": loss, "epe": epe})
        return loss

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        flow = estimate(self.network, batch["first"], batch["second"])
        self.val_metrics.update(flow, batch["flow"], batch["valid"])

    def on_validation_epoch_end(self) -> None:
        found = self.val_metrics.compute()
        self.val_metrics.reset()
        self.log_dict({f"val/{name}": found[name].float() for name in ("epe", "fl_all")}, prog_bar=True)

    def configure_optimizers(self) -> Any:
        groups = [{"params": list(self.network.parameters())}]
        return scheduled(self.optimizer(groups), self.scheduler, self.trainer.max_steps)
