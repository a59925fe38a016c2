"""Callbacks of training runs."""

import hashlib
import logging
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging
from torch.optim.swa_utils import get_ema_multi_avg_fn

from common.entropy.tables import TableModel

log = logging.getLogger(__name__)


class StepSeed(Callback):
    """Seeds every training step from (seed, step), so that a resumed run draws what the undisturbed one drew.

    All ranks are seeded alike: what differs between samples is drawn for the global batch and sliced
    (`common.randomness`).
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.step = -1
        self.part = 0

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        # Lightning's own batch index is off by one after a resume, the optimiser's count is not.
        self.part = self.part + 1 if trainer.global_step == self.step else 0
        self.step = trainer.global_step
        digest = hashlib.blake2b(f"{self.seed} {self.step} {self.part}".encode(), digest_size=7).digest()
        torch.manual_seed(int.from_bytes(digest, "little"))


class MovingAverage(EMAWeightAveraging):
    """Lightning's exponential moving average of the weights, for codecs.

    Until the first average, with `update_starting_at_step` and its like, the weights stand for it: they are validated,
    saved and delivered.

    Lightning pairs buffers by shape, and the entropy coder's tables, which are buffers, change theirs as training moves
    the densities. So the average's tables are given the model's shapes before every exchange; both are built anew from
    their own parameters before they are saved or used.
    """

    def __init__(self, decay: float = 0.999, **settings: Any) -> None:
        super().__init__(decay=decay, **settings)
        self._kwargs = {"multi_avg_fn": get_ema_multi_avg_fn(decay)}  # all weights in a few kernels

    @property
    def begun(self) -> bool:
        """Whether there is an average yet."""
        return self._average_model is not None and bool(self._average_model.n_averaged > 0)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        super().setup(trainer, pl_module, stage)
        if self._average_model is not None:  # it is asked at every step, for which a GPU's would have to be waited for
            self._average_model.n_averaged = self._average_model.n_averaged.cpu()

    def _fit_tables(self, pl_module: LightningModule) -> None:
        if self._average_model is None:
            return
        for averaged, current in zip(self._average_model.module.modules(), pl_module.modules()):
            if isinstance(averaged, TableModel) and isinstance(current, TableModel):
                averaged.take_tables(current)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any, **kwargs: Any) -> None:
        self._fit_tables(pl_module)
        super().on_train_batch_end(trainer, pl_module, *args, **kwargs)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._fit_tables(pl_module)
        super().on_train_epoch_end(trainer, pl_module)

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.begun:
            self._fit_tables(pl_module)
            super().on_validation_epoch_start(trainer, pl_module)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.begun:
            self._fit_tables(pl_module)
            super().on_validation_epoch_end(trainer, pl_module)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        weights = checkpoint["state_dict"]
        super().on_save_checkpoint(trainer, pl_module, checkpoint)
        if not self.begun:
            checkpoint["state_dict"] = weights

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.begun:
            self._fit_tables(pl_module)
            super().on_train_end(trainer, pl_module)
        elif trainer.is_global_zero:
            log.warning(
                "No average of the weights had begun after %d steps: the weights are kept.", trainer.global_step
            )
