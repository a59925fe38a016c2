"""Clips for training video codecs, a frame at a time, and sequences to test them on."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from kornia.geometry.transform import hflip
from torch import Tensor, nn
from torch.utils.data import Dataset

from common.data.module import ResumableDataModule, check_crop
from common.data.random_streams import Stream, generator
from common.data.sequences import Sequence as TestSequence
from common.data.sequences import check_clips, sequences_identity
from common.errors import LicError


class FrameByFrame(Dataset[dict[str, Any]]):
    """What a batch of `batch_size` clips shows at each step: one frame and the one before it, step after step.

    Sample n is of step n // batch_size: `frames` - 1 steps go through the frames of the same clips, then come others.

    Args:
        clips: with `frame(n, t)`, uint8 (3, H, W).
        frames: of each clip.
        overfit: only so many clips, again and again; 0 for no end of them.
    """

    def __init__(self, clips: Any, frames: int, batch_size: int, overfit: int = 0) -> None:
        if frames < 2:
            raise LicError(f"clips to train on have at least 2 frames, not {frames}: set data.frames.")
        self.clips, self.frames, self.batch_size, self.overfit = clips, frames, batch_size, overfit

    def __getitem__(self, n: int) -> dict[str, Any]:
        step, place = divmod(n, self.batch_size)
        group, t = divmod(step, self.frames - 1)
        number = group * self.batch_size + place
        number = number % self.overfit if self.overfit else number
        previous, current = (self.clips.frame(number, t + i) for i in range(2))
        return {"previous": previous, "current": current, "first": t == 0, "number": number}


class WatchedClips(Dataset[dict[str, Tensor]]):
    """The first frames of the test sequences' first, their middle, for watching a training run."""

    def __init__(self, sequences: Sequence[TestSequence], frames: int, crop: int) -> None:
        self.clips = []
        for sequence in sequences:
            kept = [frame for _, frame in zip(range(frames), sequence.clip())]
            top, left = (max(0, (side - crop) // 2) // 2 * 2 for side in kept[0].shape[:2])
            cut = np.stack([frame[top : top + crop, left : left + crop] for frame in kept])
            self.clips.append(torch.from_numpy(cut).permute(0, 3, 1, 2).contiguous())

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"clip": self.clips[index]}


class MixedClips:
    """Clip n is of one of `sources`, drawn from (seed, n) alone, each as often as `weights` say in proportion."""

    def __init__(self, sources: Sequence[Any], weights: Sequence[float], seed: int) -> None:
        if len(weights) != len(sources) or min(weights) < 0 or not sum(weights):
            raise LicError(f"data.weights are {list(weights)} for {len(sources)} sets; give one to each, above 0.")
        self.sources, self.seed = list(sources), seed
        self.cumulative = np.cumsum(weights) / sum(weights)

    def frame(self, n: int, t: int) -> Tensor:
        """Frame t of clip n, uint8 (3, h, w)."""
        drawn = generator(self.seed, n, Stream.CLIP_SOURCE).random()
        return self.sources[int(np.searchsorted(self.cumulative[:-1], drawn, side="right"))].frame(n, t)


class VideoClips(ResumableDataModule):
    """Clips without end for training, whole sequences for testing.

    Args:
        clips: what there is to train on: name -> partial called with seed, size and frames, and with root where `roots`
            has its name.
        sets: what there is to test on: name -> partial that lists sequences, called with root likewise.
        roots: name of a set -> the folder that it is in.
        train: names of the sets to train on.
        weights: how often each of `train` is drawn from, in proportion; None: alike.
        test: names of the sets to test on.
        crop: side of what training sees, pixels.
        frames: of a clip; it takes one step less to go through it.
        seed: of everything random about the data.
        overfit: train on so many clips only, again and again; 0 for no end of them.
        val_limit: at most so many test sequences are watched during training.
        batch_size, num_workers: as in `ResumableDataModule`.
    """

    def __init__(
        self,
        clips: Mapping[str, Callable[..., Any]],
        sets: Mapping[str, Callable[..., Any]],
        roots: Mapping[str, str | None],
        train: Sequence[str],
        test: Sequence[str],
        crop: int,
        frames: int,
        batch_size: int,
        weights: Sequence[float] | None = None,
        seed: int = 0,
        overfit: int = 0,
        val_limit: int = 2,
        num_workers: int = 0,
    ) -> None:
        super().__init__(batch_size, num_workers)
        for name, known in [*((name, clips) for name in train), *((name, sets) for name in test)]:
            if name not in known:
                raise LicError(f"there are no clips '{name}'; choose from {', '.join(known)}.")
        self.clips, self.sets, self.roots = clips, sets, roots
        self.train_names, self.test_names = list(train), list(test)
        self.weights = len(train) * [1.0] if weights is None else list(weights)
        self.crop, self.frames, self.seed = crop, frames, seed
        self.overfit, self.val_limit = overfit, val_limit

    def setup(self, stage: str | None = None) -> None:
        if stage in (None, "fit") and not hasattr(self, "train_set"):
            size = (self.crop, self.crop)
            sources = [
                self.open(name, self.clips)(seed=self.seed, size=size, frames=self.frames) for name in self.train_names
            ]
            clips = MixedClips(sources, self.weights, self.seed)
            self.train_set = FrameByFrame(clips, self.frames, self.batch_size, self.overfit)
            watched = self.sequences()[: self.val_limit] if self.val_limit else []
            self.val_set = WatchedClips(watched, self.frames, self.crop) if watched else None

    def check(self, network: nn.Module | None = None) -> None:
        if network is not None:
            check_crop([self.crop], network)
        check_clips(self.sequences())

    def open(self, name: str, known: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
        """The partial called `name`, told where the set is."""
        if name not in self.roots:
            return known[name]
        root = self.roots[name]
        if root is None:
            raise LicError(f"the clips '{name}' need the folder that they are in: data.roots.{name}=FOLDER.")
        return partial(known[name], root=root)

    def sequences(self, conversion: str = "ffmpeg_default") -> list[TestSequence]:
        """All test sequences, their frames made RGB by `conversion`; two of one name with the names of their sets."""
        found = [(name, sequence) for name in self.test_names for sequence in self.open(name, self.sets)()]
        alike = Counter(sequence.name.casefold() for _, sequence in found)
        return [
            sequence._replace(
                name=f"{name}-{sequence.name}" if alike[sequence.name.casefold()] > 1 else sequence.name,
                conversion=conversion,
            )
            for name, sequence in found
        ]

    def identity(self) -> str:
        """Name, number and content of every test set, which results must share to share a table."""
        return ", ".join(sequences_identity(name, self.open(name, self.sets)()) for name in self.test_names)

    def starting_images(self, count: int = 16) -> Tensor:
        """(count, 2, 3, crop, crop) in [0, 1]: the first pairs of frames, for data-dependent starting values."""
        samples = [self.train_set[n] for n in range(count)]
        return torch.stack([torch.stack([s["previous"], s["current"]]) for s in samples]).float() / 255

    def on_before_batch_transfer(self, batch: dict[str, Any], dataloader_idx: int) -> dict[str, Any]:
        """Decide on the host which clips to flip: a function of (seed, clip)."""
        if "current" in batch:
            flips = [generator(self.seed, n, Stream.FLIP).random() < 0.5 for n in batch["number"].tolist()]
            first = bool(batch["first"][0])  # of all clips alike; on a device the step would have to wait for it
            batch = {**batch, "flip": torch.tensor(flips), "first": first}
        return batch

    def on_after_batch_transfer(self, batch: dict[str, Any], dataloader_idx: int) -> dict[str, Any]:
        """uint8 -> [0, 1] and the flips, on the device."""
        if "flip" not in batch:
            return {"clip": batch["clip"].float() / 255}
        flip = batch["flip"][:, None, None, None]
        frames = {name: batch[name].float() / 255 for name in ("previous", "current")}
        return {"first": batch["first"], **{name: torch.where(flip, hflip(x), x) for name, x in frames.items()}}
