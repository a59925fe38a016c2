"""Photographs and procedural scenes for training image codecs."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from kornia.geometry.transform import hflip
from torch import Tensor, nn
from torch.utils.data import Dataset

from common.data.folders import check_decodes, find_pictures, readable, resized
from common.data.identity import dataset_identity
from common.data.image_io import read_picture
from common.data.module import Repeated, ResumableDataModule, check_crop
from common.data.random_streams import Stream, generator
from common.data.regions import check_regions, read_region, region_file, salient
from common.data.saliency import spectral_residual
from common.data.samples import held_out_photographs, train_photographs
from common.data.shards import Shards
from common.data.training import Files, Resized, Source, TrainingCrops, WithRegions
from common.errors import LicError

log = logging.getLogger(__name__)


class WatchedPictures(Dataset):
    """`size` x `size` pixels of every picture, for watching a training run: those that `cut` makes of it."""

    def __init__(
        self, files: Sequence[Path], size: int, cut: Callable[[np.ndarray, int], np.ndarray], regions: bool = False
    ) -> None:
        self.crops = [cut(self._read(file, regions), size) for file in files]

    @staticmethod
    def _read(file: Path, regions: bool) -> np.ndarray:
        rgb = read_picture(file, background="white").rgb
        return np.dstack([rgb, read_region(region_file(file), rgb.shape[:2])]) if regions else rgb

    def __len__(self) -> int:
        return len(self.crops)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        planes = torch.from_numpy(self.crops[index]).permute(2, 0, 1)
        return {"image": planes[:3], **({"roi": planes[3:]} if len(planes) > 3 else {})}


def centre_crop(rgb: np.ndarray, size: int) -> np.ndarray:
    """(H, W, 3) -> (size, size, 3), smaller pictures extended by their last row and column."""
    height, width = rgb.shape[:2]
    top, left = max(0, (height - size) // 2), max(0, (width - size) // 2)
    crop = rgb[top : top + size, left : left + size]
    short = ((0, size - crop.shape[0]), (0, size - crop.shape[1]), (0, 0))
    return np.ascontiguousarray(np.pad(crop, short, mode="edge"))


class Photographs(ResumableDataModule):
    """Random crops for training, or whole photographs resized; whole photographs for testing.

    Args:
        train: folders or files of photographs, None for those that published packages carry.
        test: folders or files, likewise.
        name: what results call the test set.
        scenes: part of the training crops that are procedural scenes, 0 to 1.
        crop: side of a training crop, pixels.
        resize: train on whole photographs, each resized to `crop` x `crop`, instead of crops of them. Procedural scenes
            are rendered at that size either way.
        roi: regions of interest, for distortion=roi and for PSNR inside and outside of them: "sidecar", files beside
            the photographs (`common.data.regions`), or "saliency", estimated (`common.data.saliency`); None for none.
        val: folders or files of photographs that are watched during training, at `crop` x `crop`; None for the first
            of the test photographs.
        seed: of everything random about the data.
        overfit: train on so many crops only, again and again; 0 for no end of them.
        val_limit: at most so many photographs are watched during training.
        batch_size, num_workers: as in `ResumableDataModule`.
    """

    def __init__(
        self,
        train: str | Sequence[str] | None,
        test: str | Sequence[str] | None,
        name: str,
        crop: int,
        batch_size: int,
        scenes: float = 0.0,
        seed: int = 0,
        overfit: int = 0,
        val_limit: int = 4,
        num_workers: int = 0,
        resize: bool | None = None,
        val: str | Sequence[str] | None = None,
        roi: str | None = None,
    ) -> None:
        super().__init__(batch_size, num_workers)
        self.train_paths = as_paths(train)
        self.test_paths = as_paths(test)
        self.val_paths = as_paths(val)
        self.set_name = name  # LightningDataModule has a `name` of its own
        self.crop = crop
        self.resize = bool(resize)
        self.scenes = scenes
        self.seed = seed
        self.overfit = overfit
        self.val_limit = val_limit
        if roi not in (None, "sidecar", "saliency"):
            raise LicError(f"data.roi is sidecar, saliency or null, not {roi}.")
        if roi == "sidecar" and scenes:
            raise LicError("data.roi=sidecar needs data.scenes=0: procedural scenes have no files beside them.")
        self.roi = roi

    def setup(self, stage: str | None = None) -> None:
        if stage in (None, "fit") and not hasattr(self, "train_set"):
            photographs = self.training_photographs() if self.scenes < 1 else Files([])
            if self.resize:
                photographs = Resized(photographs, self.crop)
            crops = TrainingCrops(self.seed, self.crop, photographs, self.scenes)
            self.train_set = Repeated(crops, self.overfit) if self.overfit else crops
            self.val_set = self.watched() if self.val_limit else None

    def watched(self) -> WatchedPictures:
        """What is watched during training: pictures made as those of training are, but for the place of the crop."""
        files = self.test_files() if self.val_paths is None else find_pictures(self.val_paths)
        return WatchedPictures(
            files[: self.val_limit], self.crop, resized if self.resize else centre_crop, self.roi == "sidecar"
        )

    def check(self, network: nn.Module | None = None) -> None:
        if network is not None:
            check_crop([self.crop], network)
            if self.crop == getattr(network, "downsampling", 0):
                log.info(
                    "data.crop is %d: its smallest latent has a single position, and training sees none beside it. On "
                    "whole photographs rates may be several times higher; take %d or more.", self.crop, 2 * self.crop
                )  # fmt: skip
            if self.resize and self.scenes == 1:
                log.info("data.resize resizes nothing: all of the training pictures are scenes (data.scenes is 1).")
        check_decodes(self.test_files())

    def training_photographs(self) -> Source:
        files = train_photographs() if self.train_paths is None else find_pictures(self.train_paths)
        if self.roi == "sidecar":
            check_regions(files)
        kind = WithRegions if self.roi == "sidecar" else Files
        return kind(readable(files, 1 if self.resize else self.crop)[0])

    def test_files(self) -> list[Path]:
        """The photographs that an evaluation codes whole."""
        return held_out_photographs() if self.test_paths is None else find_pictures(self.test_paths)

    def identity(self) -> str:
        """Name, size and content of the test set, which results must share to share a table."""
        return dataset_identity(self.set_name, self.test_files())

    def starting_images(self, count: int = 32) -> Tensor:
        """(count, 3, crop, crop) in [0, 1], the first of the training crops, for data-dependent starting values."""
        return torch.stack([self.train_set[n]["image"] for n in range(count)]).float() / 255

    def on_before_batch_transfer(self, batch: dict[str, Tensor], dataloader_idx: int) -> dict[str, Tensor]:
        """Decide on the host what to flip: a function of (seed, sample) like the crop itself."""
        if "index" in batch:
            flips = [generator(self.seed, n, Stream.FLIP).random() < 0.5 for n in batch["index"].tolist()]
            batch = {**batch, "flip": torch.tensor(flips)}
        return batch

    def on_after_batch_transfer(self, batch: dict[str, Tensor], dataloader_idx: int) -> dict[str, Tensor]:
        """uint8 -> [0, 1] and the flips, on the device; regions of interest, where they are estimated."""
        found = {str(name): batch[name].float() / 255 for name in ("image", "roi") if name in batch}
        if "flip" in batch:
            flip = batch["flip"][:, None, None, None]
            found = {name: torch.where(flip, hflip(value), value) for name, value in found.items()}
        if self.roi == "saliency":
            found["roi"] = spectral_residual(found["image"])
        return found

    def label(self, source: Path) -> int | None:
        """The class of a test photograph; None where there are none."""
        return None

    def region(self, source: Path, rgb: np.ndarray) -> np.ndarray | None:
        """The region of interest of a test photograph, uint8 (H, W); None where there is none."""
        if self.roi is None:
            return None
        return salient(rgb) if self.roi == "saliency" else read_region(region_file(source), rgb.shape[:2])


class PackedPhotographs(Photographs):
    """`Photographs` whose training set is shards, as `lic data pack` writes them.

    Args:
        train: the folder of shards, a URL, or a command that prints a file of it (`common.data.fetching`).
        window: photographs are shuffled among those of so many shards.
        cache, cache_limit: where downloaded shards are kept, and how much of them at most (`100G`).
        others: as `Photographs` has them.
    """

    def __init__(
        self,
        train: str,
        window: int = 16,
        cache: str | None = None,
        cache_limit: str | int = "100G",
        **others: Any,
    ) -> None:
        super().__init__(train=train, **others)
        self.packed = {"root": train, "window": window, "cache": cache, "cache_limit": cache_limit}

    def training_photographs(self) -> Source:
        if self.roi == "sidecar":
            raise LicError("data.roi=sidecar is not for packed photographs: shards hold no files beside them.")
        return Shards(**self.packed)  # type: ignore[arg-type]


def as_paths(value: str | Sequence[str] | None) -> list[Path] | None:
    if value is None:
        return None
    paths = [Path(path) for path in ([value] if isinstance(value, str) else value)]
    if not paths:
        raise LicError("data.train, data.val and data.test need at least one folder each, or null.")
    return paths
