"""A trained image codec from Python: arrays to bytes and back."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from common.data.regions import typed
from common.errors import LicError
from common.run.trained import Trained
from lic_image.files import ImageFiles
from lic_image.focus import Focus
from lic_image.operating_points import Wish, coded
from lic_image.tasks import Classifier, task_of


class Told(NamedTuple):
    """What a codec with a task says of a file.

    Attributes:
        embedding: float (D,), of length 1: pictures are alike whose embeddings have a large inner product.
        probabilities: (classes,), in the natural order of the classes' names; None without a classifier.
    """

    embedding: np.ndarray
    probabilities: np.ndarray | None


class TrainedImageCodec(Trained):
    """Called, it is the codec's forward pass: x (B, 3, H, W) in [0, 1], sides multiples of `network.downsampling`."""

    def __init__(self, run: str | Path, device: str = "cpu") -> None:
        super().__init__(run, device)
        self.coder = self.files(ImageFiles, "photographs")
        self.coder.run = self.config

    def encode(
        self,
        rgb: np.ndarray,
        *,
        levels: int | None = None,
        target_bpp: float | None = None,
        target_psnr: float | None = None,
        refine: int | None = None,
        roi: str | Sequence[str] | None = None,
        outside: float = 0.1,
        **settings: float,
    ) -> bytes:
        """uint8 (H, W, 3) of any size -> the bytes of a .lic file.

        Args:
            levels, target_bpp, target_psnr, refine: as `lic compress` takes them.
            roi: likewise, a region or several, such as "120,40,300,200"; `outside` of it counts so much.
            settings: likewise, such as quality=37.5.

        Raises:
            LicError: it is no such picture, or the codec cannot do what is asked.
        """
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
            raise LicError(f"a photograph is uint8 (H, W, 3), not {rgb.dtype} {rgb.shape}.")
        focus = Focus(typed([roi] if isinstance(roi, str) else roi, rgb), outside) if roi else None
        return coded(self.coder, rgb, False, Wish(settings, levels, target_bpp, target_psnr, refine, focus))[0]

    def decode(self, data: bytes, *, level: int | None = None) -> np.ndarray:
        """The bytes of a .lic file of this codec -> uint8 (H, W, 3).

        Of a file that ends within a level a warning says so; the levels before are decoded.

        Args:
            level: of a file that is made of levels, decode so many at most.

        Raises:
            StreamError: it is damaged, or another codec's.
            LicError: `level` is given and the file has none.
        """
        decoded = self.coder.decode(data, level=level)
        if decoded.cut:
            warnings.warn(f"the file ends within level {(decoded.level or 0) + 1}, which is left out.", stacklevel=2)
        return decoded.rgb

    @torch.inference_mode()
    def told(self, data: bytes) -> Told:
        """What the head of a codec with a task (`lic_image.tasks`) says of the picture in the bytes of a .lic file.

        Raises:
            StreamError: as `decode`.
            LicError: the codec has no head.
        """
        task = task_of(self.coder.codec)
        if task is None:
            raise LicError(f"'{self.coder.model}' was trained for pixels alone: train one with task=classification.")
        self.coder.decode(data)
        embedding = task.embeddings()
        known = task.logits(embedding).softmax(1)[0].cpu().numpy() if isinstance(task, Classifier) else None
        return Told(embedding[0].cpu().numpy(), known)
