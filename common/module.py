"""What every LightningModule here does: stop, with a sentence, at the step where training diverges."""

from collections.abc import Callable, Sequence
from functools import partial
from inspect import Parameter, signature
from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torch.optim import Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from common.entropy.assignments import Assignment
from common.entropy.quantisers import Quantiser
from common.errors import LicError

ADVICE = "its last checkpoint is from before: try a lower model.optimizer.lr or trainer.gradient_clip_val."
BAD_LOSS = f"the loss is {{value}} at step {{step}}; {ADVICE}"
BAD_GRADIENT = f"the gradient is {{value}} at step {{step}}; {ADVICE}"


class NonFiniteLoss(Exception):
    """Training diverged."""


class GuardedModule(lightning.LightningModule):
    """Checks losses and gradients, and clips the gradients of the optimiser's first parameter group.

    On a GPU the host must not wait in every step for what is computed. So a step only notes, on the device, whether
    it was the first that was not finite; the note is read when the loggers fetch their figures, before validation,
    before a checkpoint is written, and at the end. On a CPU it is read at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self._noted: dict[str, Tensor] = {}  # what would be said -> [first step of which it holds or -1, value there]
        self._quantiser: Quantiser | Assignment | None = None

    def quantise_by(self, quantiser: Quantiser | Assignment | None) -> None:
        """Let what is in this module by now quantise so in training, where it is not None."""
        from common.entropy.models import quantise_by  # imports CompressAI, which flow networks do without

        self._quantiser = quantiser
        if quantiser is not None:
            quantise_by(self, quantiser)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        if self._quantiser is not None:
            self._quantiser.at(self.global_step / max(self.trainer.max_steps, 1))

    def checked(self, loss: Tensor) -> Tensor:
        """`loss`, a scalar that must be finite."""
        self.note(BAD_LOSS, loss.detach(), ~torch.isfinite(loss.detach()))
        return loss

    def note(self, sentence: str, value: Tensor, bad: Tensor) -> None:
        """Stop the run with `sentence`, which has {value} and {step} in it, once `bad` is true of a step.

        Args:
            value, bad: scalars on the device.
        """
        if sentence not in self._noted:
            self._noted[sentence] = torch.full((2,), -1.0, device=value.device)
        noted = self._noted[sentence]
        now = torch.stack([torch.full_like(noted[0], self.global_step), value.to(noted.dtype)])
        self._noted[sentence] = torch.where((noted[0] < 0) & bad, now, noted)
        if self.reads_now:
            self.check_notes()

    @property
    def reads_now(self) -> bool:
        """Whether the host may look at what this step has computed."""
        return self.device.type == "cpu" or self.logs_now

    @property
    def logs_now(self) -> bool:
        """Whether the loggers take the figures of this step: they do every so often, and of the last one."""
        if self._trainer is None:
            return False
        done, last = self.global_step + 1, self.trainer.max_steps
        every: int = self.trainer.log_every_n_steps or last  # type: ignore[attr-defined]
        return done % every == 0 or done == last

    def check_notes(self) -> None:
        """Raises `NonFiniteLoss` that names the first step that was noted as bad."""
        found = [(*noted.tolist(), sentence) for sentence, noted in self._noted.items()]
        bad = [(step, value, sentence) for step, value, sentence in found if step >= 0]
        if bad:  # a gradient that is not finite makes the next step's loss so
            step, value, sentence = min(bad, key=lambda each: each[0])
            raise NonFiniteLoss(sentence.format(value=value, step=int(step)))

    def on_validation_start(self) -> None:
        self.check_notes()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.check_notes()

    def on_train_end(self) -> None:
        self.check_notes()

    def show(self, figures: dict[str, Tensor]) -> None:
        """Log `train/NAME`, scalars, if this is a step whose figures are taken; the mean over all ranks, in one go."""
        if not self.logs_now:
            return
        names, values = list(figures), torch.stack([value.detach().float() for value in figures.values()])
        if self.trainer.world_size > 1:
            values = self.trainer.strategy.reduce(values, reduce_op="mean")
        self.log_dict({f"train/{name}": value for name, value in zip(names, values)}, prog_bar=True)

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the main group only: the gradients of a codec's quantiles are large and would shrink all others."""
        main = optimizer.param_groups[0]["params"]
        if gradient_clip_val:
            norm = nn.utils.clip_grad_norm_(main, gradient_clip_val)
        else:
            norm = nn.utils.get_total_norm([p.grad for p in main if p.grad is not None])
        # Half precision overflows now and then, and its scaler skips those steps.
        if self.trainer.precision != "16-mixed":
            self.note(BAD_GRADIENT, norm, ~torch.isfinite(norm))
        if self.logs_now:
            self.log("train/grad_norm", norm)


def codec_optimizer(
    codec: nn.Module,
    optimizer: Callable[[list[dict[str, Any]]], Optimizer],
    scheduler: Callable[[Optimizer, int], LambdaLR],
    aux_lr: float,
    steps: int,
    others: Sequence[dict[str, Any]] = (),
) -> Any:
    """What `configure_optimizers` of a codec returns: the quantiles of its bottlenecks are a group of their own.

    Args:
        optimizer, scheduler: partials, the latter called with (optimizer, steps), for the other parameters.
        aux_lr: rate of the quantiles, constant over the run.
        steps: of the run. Parameters that need no gradient are left out.
        others: groups of parameters of a loss's own networks, with rates of their own, constant over the run.
    """
    named = [(name, p) for name, p in codec.named_parameters() if p.requires_grad]
    quantiles = [p for name, p in named if name.endswith("quantiles")]
    groups: list[dict[str, Any]] = [{"params": [p for name, p in named if not name.endswith("quantiles")]}]
    if quantiles:
        groups.append({"params": quantiles, "lr": aux_lr, "weight_decay": 0.0})
    configured = scheduled(optimizer([*groups, *others]), scheduler, steps)
    rates = configured["lr_scheduler"]["scheduler"].lr_lambdas
    rates[1:] = [constant] * (len(rates) - 1)
    return configured


def scheduled(optimizer: Optimizer, scheduler: Callable[[Optimizer, int], LambdaLR], steps: int) -> dict[str, Any]:
    """`optimizer` and its schedule, called with (optimizer, steps), as Lightning takes them.

    Raises:
        LicError: the schedule is no `LambdaLR`: only of that are the factors known at any step, which a run needs that
            extends another, and a group of parameters that keeps its rate. Or it takes no setting of such a name.
    """
    optimizer = in_one_kernel(optimizer)
    _check_settings(scheduler)
    schedule = scheduler(optimizer, steps)
    if not isinstance(schedule, LambdaLR):
        kind = type(schedule).__name__
        raise LicError(f"model.scheduler gives a {kind}: write it as a LambdaLR, as in common/schedules.py.")
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _check_settings(scheduler: Callable[..., Any]) -> None:
    """A setting that a recipe has for one schedule may be left beside another, which would end in Python's words."""
    if not isinstance(scheduler, partial):
        return
    known = signature(scheduler.func).parameters
    if any(each.kind is Parameter.VAR_KEYWORD for each in known.values()):
        return
    for name in scheduler.keywords:
        if name not in known:
            raise LicError(
                f"model.scheduler has the setting {name}, which {scheduler.func.__name__} does not take. It is of "
                f"another schedule: take it out with ~model.scheduler.{name}."
            )


def in_one_kernel(optimizer: Optimizer) -> Optimizer:
    """Adam as one kernel for all weights, where the configuration does not choose: on a CPU it is a loop otherwise."""
    for group in optimizer.param_groups:
        if type(optimizer) in (Adam, AdamW) and group["fused"] is None and group["foreach"] is None:
            group["fused"] = True
    return optimizer


def constant(step: int) -> float:
    """Schedule of the quantiles, and of a loss's own networks."""
    return 1.0
