"""SSIMULACRA2 of the package `ssimulacra2`, which the extra `anchors` brings."""

import io
from importlib.metadata import version

import numpy as np
from PIL import Image
from torch import Tensor

from common.errors import LicError
from common.ffmpeg_program import INSTALL


class Ssimulacra2:
    """Sneyers' SSIMULACRA2 of sRGB photographs: 100 where they are equal, 90 hardly visible, 30 poor; can be negative.

    The package computes it with numpy. Its figures are not those of libjxl's program to the last digit.

    Raises:
        LicError: the package is not installed.
    """

    higher_is_better = True

    def __init__(self) -> None:
        try:
            import ssimulacra2
        except ImportError:
            raise LicError(f"SSIMULACRA2 needs the package ssimulacra2 of the extra anchors: {INSTALL}.") from None
        self._compute = ssimulacra2.compute_ssimulacra2
        self.arguments = {"version": version("ssimulacra2")}

    def __call__(self, x_hat: Tensor, x: Tensor) -> float:
        """Of RGB (1, 3, H, W) in 0 to 1, with sides of 8 pixels or more."""
        return float(self._compute(_file(x), _file(x_hat)))


def _file(x: Tensor) -> io.BytesIO:
    """A file of the picture, as the package takes no others."""
    rgb = (x[0] * 255).round().byte().permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgb)).save(file, "BMP")
    return file
