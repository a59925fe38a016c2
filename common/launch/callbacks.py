"""Callbacks of every training run."""

import hashlib
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging

from common.entropy.tables import TableModel


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

    It pairs buffers by shape, and the entropy coder's tables, which are buffers, change theirs as training moves the
    densities. So the average's tables are given the model's shapes before every exchange; both are built anew from
    their own parameters before they are saved or used.
    """

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
        self._fit_tables(pl_module)
        super().on_validation_epoch_start(trainer, pl_module)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._fit_tables(pl_module)
        super().on_validation_epoch_end(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._fit_tables(pl_module)
        super().on_train_end(trainer, pl_module)
