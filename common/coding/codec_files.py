"""What stands between pictures or clips and any codec's networks, once: whose file it is, padding, cropping, 8 bits."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig
from torch import Tensor, nn
from torch.nn import functional as F

from common.entropy.container import weights_digest
from common.entropy.exact import everywhere
from common.errors import LicError, StreamError


def to_input(rgb: np.ndarray, multiple: int, device: torch.device | str = "cpu") -> Tensor:
    """uint8 (H, W, 3) -> float (1, 3, H', W') in [0, 1], the last row and column repeated up to the next multiple."""
    x = torch.from_numpy(np.array(rgb)).to(device).permute(2, 0, 1)[None].float() / 255
    height, width = rgb.shape[:2]
    return F.pad(x, (0, -width % multiple, 0, -height % multiple), mode="replicate")


def to_picture(x_hat: Tensor, height: int, width: int) -> np.ndarray:
    """float (1, 3, H', W') -> uint8 (height, width, 3): cropped, clamped, rounded to 8 bits."""
    pixels = (x_hat[0, :, :height, :width].clamp(0, 1) * 255).round().to(torch.uint8)
    return pixels.permute(1, 2, 0).contiguous().cpu().numpy()


def repeatable_convolutions() -> AbstractContextManager[None]:
    """On GPUs, the same numbers from the same convolution every time: the decoder must repeat the encoder's."""
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)


def arithmetic(exact_pixels: bool) -> AbstractContextManager[None]:
    """Within which a file is decoded: its pixels in exact arithmetic, or in floating point."""
    return everywhere() if exact_pixels else nullcontext()


def taking_strings(method: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """`method(self, source, target, …)` for paths that are strings, too; `~` is the home folder."""

    @wraps(method)
    def call(self: Any, source: str | Path, target: str | Path, *args: Any, **options: Any) -> list[str]:
        return method(self, Path(source).expanduser(), Path(target).expanduser(), *args, **options)

    return call


class CodecFiles:
    """Codes files with one codec.

    Subclasses have `compress_file(source, target, …)` and `decompress_file(source, target, …)`. Both take paths or
    strings, and return sentences on what they did.

    Args:
        codec: is put into evaluation mode.
        model: the configuration's name, written into every file.

    Attributes:
        run: the configuration of the run that trained the codec, where it is known.
    """

    run: DictConfig | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in ("compress_file", "decompress_file"):
            if name in vars(cls):
                setattr(cls, name, taking_strings(vars(cls)[name]))

    def __init__(self, codec: nn.Module, model: str) -> None:
        self.codec = codec.eval()
        self.model = model
        self.digest = weights_digest(codec.state_dict())
        self.device = next(codec.parameters()).device

    def operating_point(self, source: Path) -> str:
        """What `lic info --checkpoint` says of the file `source`; `LicError` for codecs of a single operating point."""
        raise LicError(f"{source} is of '{self.model}', which has one operating point: leave --checkpoint out.")

    def check_writer(self, model: str, digest: bytes) -> None:
        """Raises `StreamError` unless a file of `model` with weights `digest` is one of this codec's."""
        if digest != self.digest:
            raise StreamError(
                f"this file was written by '{model}' with weights {digest.hex()}, the checkpoint is "
                f"'{self.model}' with weights {self.digest.hex()}: decode it with the checkpoint that wrote it."
            )
