"""Callbacks of every training run."""

import hashlib
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer


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
