"""Pairs of pictures with ground truth: a weighted mixture of sets to train on, several to test on."""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.utils.data import ConcatDataset, Dataset

from common.data.identity import dataset_identity
from common.data.module import Repeated, ResumableDataModule, check_crop
from common.errors import LicError
from lic_flow.augment import FlowAugmentation
from lic_flow.datasets.mixture import Mixture
from lic_flow.datasets.pairs import FlowPairs
from lic_flow.datasets.published import PublishedSet


class FlowData(ResumableDataModule):
    """Random canvases for training, augmented on the device; whole pairs for testing.

    Args:
        sets: what there is to choose from: name -> partial of a data set, or of a `PublishedSet`.
        roots: name of a published set's folder -> the folder.
        train: names of the sets to train on.
        weights: how often each of `train` is drawn from, in proportion; None: alike.
        test: names of the sets to test on, each reported on its own.
        crop: (height, width) of what training sees, pixels.
        canvas: (height, width) of what crops are cut from, pixels.
        augmentation: partial that takes `crop`: how they are cut.
        seed: of everything random about the data.
        overfit: train on so many canvases only, again and again; 0 for no end of them.
        val_limit: at most so many pairs of each test set are watched during training.
        test_limit: at most so many pairs of each test set are evaluated; null for all.
        batch_size, num_workers: as in `ResumableDataModule`.
    """

    def __init__(
        self,
        sets: Mapping[str, partial[Any]],
        roots: Mapping[str, str | None],
        train: Sequence[str],
        test: Sequence[str],
        crop: Sequence[int],
        canvas: Sequence[int],
        augmentation: Callable[..., FlowAugmentation],
        batch_size: int,
        weights: Sequence[float] | None = None,
        seed: int = 0,
        overfit: int = 0,
        val_limit: int = 4,
        test_limit: int | None = None,
        num_workers: int = 0,
    ) -> None:
        super().__init__(batch_size, num_workers)
        for name in (*train, *test):
            if name not in sets:
                raise LicError(f"there is no set of pairs '{name}'; choose from {', '.join(sets)}.")
        self.sets, self.roots = sets, roots
        self.train_names, self.test_names = list(train), list(test)
        self.weights = len(train) * [1.0] if weights is None else list(weights)
        self.crop = [int(side) for side in crop]
        self.augmentation = augmentation(crop=crop)
        self.canvas = (int(canvas[0]), int(canvas[1]))
        self.seed = seed
        self.overfit = overfit
        self.val_limit = val_limit
        self.test_limit = test_limit

    def setup(self, stage: str | None = None) -> None:
        if stage in (None, "fit") and not hasattr(self, "train_set"):
            sources = [self.open(name) for name in self.train_names]
            mixture = Mixture(sources, self.weights, self.canvas, self.seed)
            self.train_set = Repeated(mixture, self.overfit) if self.overfit else mixture
            watched = [FirstPairs(self.open(name), self.val_limit) for name in self.test_names]
            known: list[Any] = [pairs for pairs in watched if pairs.has_flow]
            self.val_set = ConcatDataset(known) if known and self.val_limit else None

    def check(self, network: nn.Module | None = None) -> None:
        if network is not None:
            check_crop(self.crop, network)
        self.test_sets()  # that they are there

    def open(self, name: str) -> Any:
        """The set called `name`."""
        source = self.sets[name]
        if not isinstance(source.func, PublishedSet):
            return source()
        root = self.roots[source.func.root]
        if root is None:
            raise LicError(
                f"the set '{name}' needs the folder it was unpacked to: data.roots.{source.func.root}=FOLDER."
            )
        return FlowPairs(source(root=root))

    def test_sets(self) -> dict[str, "FirstPairs"]:
        """What an evaluation measures, by name."""
        return {name: FirstPairs(self.open(name), self.test_limit) for name in self.test_names}

    def identity(self) -> str:
        """Name, size and content of every test set, which results must share to share a table."""
        return ", ".join(pairs.identity(name) for name, pairs in self.test_sets().items())

    def on_before_batch_transfer(self, batch: dict[str, Any], dataloader_idx: int) -> dict[str, Any]:
        """Draw on the host what the augmentation is to do: a function of (seed, sample) like the canvas itself."""
        if "index" in batch:
            batch = {**batch, "drawn": self.augmentation.draw(batch["index"], self.seed, self.canvas)}
        return batch

    def on_after_batch_transfer(self, batch: dict[str, Any], dataloader_idx: int) -> dict[str, Tensor]:
        """The augmentation, on the device; pairs to be measured stay as they are."""
        if "drawn" in batch:
            return self.augmentation(batch, batch["drawn"])
        return batch


class FirstPairs(Dataset[dict[str, Any]]):
    """The first `count` samples of a set, all if None; of one without end 64."""

    def __init__(self, pairs: Any, count: int | None) -> None:
        self.pairs = pairs
        self.endless = not hasattr(pairs, "__len__")
        most = 64 if self.endless and count is None else sys.maxsize if self.endless else len(pairs)
        self.count = most if count is None else min(count, most)
        self.has_flow = bool(pairs.has_flow)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, n: int) -> dict[str, Any]:
        if n >= self.count:
            raise IndexError(n)
        return self.pairs[n]

    def name(self, n: int) -> str:
        """What pair `n` is called."""
        return self.pairs.name(n) if hasattr(self.pairs, "name") else f"{n:04d}"

    def identity(self, name: str) -> str:
        """`NAME N pairs HASH8`, the hash over the ground truth, or the first pictures where there is none."""
        if not isinstance(self.pairs, FlowPairs):
            return f"{name} {self.count} pairs"
        files = [pair.flow or pair.first for pair in self.pairs.pairs[: self.count]]
        return dataset_identity(name, files, "pair")
