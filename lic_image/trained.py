"""A trained image codec from Python: arrays to bytes and back."""

from pathlib import Path

import numpy as np

from common.errors import LicError
from common.run.trained import Trained
from lic_image.files import ImageFiles


class TrainedImageCodec(Trained):
    """Called, it is the codec's forward pass: x (B, 3, H, W) in [0, 1], sides multiples of `network.downsampling`."""

    def __init__(self, run: str | Path, device: str = "cpu") -> None:
        super().__init__(run, device)
        self.coder = self.files(ImageFiles, "photographs")

    def encode(self, rgb: np.ndarray) -> bytes:
        """uint8 (H, W, 3) of any size -> the bytes of a .lic file."""
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
            raise LicError(f"a photograph is uint8 (H, W, 3), not {rgb.dtype} {rgb.shape}.")
        return self.coder.encode(rgb)

    def decode(self, data: bytes) -> np.ndarray:
        """The bytes of a .lic file of this codec -> uint8 (H, W, 3).

        Raises:
            StreamError: it is damaged, or another codec's.
        """
        return self.coder.decode(data).rgb
