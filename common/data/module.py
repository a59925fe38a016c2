"""The base of every DataModule: one loader factory, resumable batches, augmentation on the device."""

from collections.abc import Callable, Sequence
from typing import Any

import lightning
from torch import nn
from torch.utils.data import DataLoader, Dataset, default_collate

from common.data.training import StepBatches
from common.errors import LicError


class Repeated(Dataset):
    """The first `count` samples of an endless list, again and again."""

    def __init__(self, dataset: Dataset, count: int) -> None:
        self.dataset = dataset
        self.count = count

    def __getitem__(self, n: int) -> Any:
        return self.dataset[n % self.count]


class ResumableDataModule(lightning.LightningDataModule):
    """Serves batches that are a function of (seed, step, rank).

    A subclass says which data sets there are: `setup(stage)` sets `self.train_set` (indexed by a sample counter
    without end) and `self.val_set` (or None).

    Args:
        batch_size: of all ranks together.
        num_workers: loader processes of each rank; 0 loads in the training process.
    """

    train_set: Dataset
    val_set: Dataset | None = None

    def __init__(self, batch_size: int, num_workers: int = 0) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.num_workers = num_workers

    def check(self, network: nn.Module | None = None) -> None:
        """Raises ``LicError`` for data that would end a run after its training: what it is tested on is looked at.

        Args:
            network: what is to be trained, whose steps crops must fit; None where nothing is.
        """

    def _loader(self, dataset: Dataset, batches: StepBatches | None = None) -> DataLoader:
        shared = {
            "num_workers": self.num_workers,
            "persistent_workers": self.num_workers > 0,
            "pin_memory": False,
        }
        if batches is None:
            return DataLoader(dataset, batch_size=1, collate_fn=default_collate)
        return DataLoader(dataset, batch_sampler=batches, **shared)  # type: ignore[arg-type]

    def train_dataloader(self) -> DataLoader:
        trainer = self.trainer
        assert trainer is not None
        parts = trainer.accumulate_grad_batches
        start: Callable[[], int] = lambda: trainer.global_step * parts  # noqa: E731  read when the loader begins
        batches = StepBatches(
            self.batch_size, trainer.global_rank, trainer.world_size, start, steps=trainer.max_steps * parts
        )
        return self._loader(self.train_set, batches)

    def val_dataloader(self) -> DataLoader | list[DataLoader]:
        return self._loader(self.val_set) if self.val_set is not None else []


def check_crop(crop: Sequence[int], network: nn.Module) -> None:
    """Raises ``LicError`` where a network takes no sides of `crop` pixels: they are multiples of its `downsampling`, or
    `multiple`, of its `least` or more."""
    step: int = getattr(network, "downsampling", getattr(network, "multiple", 1))
    least: int = max(step, getattr(network, "least", 0))
    for side in crop:
        if side % step or side < least:
            below, above = max(least, side - side % step), max(least, side + -side % step)
            fitting = f"{below} or {above}" if below != above else f"{above}"
            raise LicError(
                f"data.crop is {side}, and {type(network).__name__} takes sides that are multiples of {step}"
                f"{f', {least} or more' if least > step else ''}: set it to {fitting}."
            )
