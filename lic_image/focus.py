"""Coding a photograph with more bits inside of a region of interest: `lic compress --roi`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from common.errors import LicError
from lic_image.importance import ImportanceMap

if TYPE_CHECKING:
    from lic_image.files import ImageFiles


class Focus(NamedTuple):
    """A region of interest, uint8 (H, W), and what is left `outside`, 0 to 1: of the importance, or of the weight."""

    region: NDArray[np.uint8]
    outside: float

    def roi(self) -> Tensor:
        """(1, 1, H, W) in [0, 1]."""
        return torch.from_numpy(self.region.copy())[None, None].float() / 255


@contextmanager
def focused(files: "ImageFiles", focus: Focus | None) -> Iterator[None]:
    """Inside, the importance map of the codec, if it has one, is lowered outside of the region."""
    block = getattr(files.codec, "importance", None)
    if focus is None or not isinstance(block, ImportanceMap):
        yield
        return
    height, width = focus.region.shape
    step = files.codec.downsampling
    weights = focus.outside + (1 - focus.outside) * focus.roi().to(files.device)
    with block.focused(pad(weights, (0, -width % step, 0, -height % step), mode="replicate")):
        yield


def check(files: "ImageFiles", focus: Focus, refines: bool) -> None:
    """Raises `LicError` where the region would change nothing."""
    if not 0 <= focus.outside <= 1:
        raise LicError(f"--outside is what counts outside of the region, 0 to 1, not {focus.outside:g}.")
    if not refines and not isinstance(getattr(files.codec, "importance", None), ImportanceMap):
        raise LicError(f"--roi needs a codec trained with importance=map, which '{files.model}' is not, or --refine N.")
