"""What stands between pictures or clips and any codec's networks, once: whose file it is, padding, cropping, 8 bits."""

from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from common.entropy.container import weights_digest
from common.errors import StreamError


def to_input(rgb: np.ndarray, multiple: int, device: torch.device | str = "cpu") -> Tensor:
    """uint8 (H, W, 3) -> float (1, 3, H', W') in [0, 1], the last row and column repeated up to the next multiple."""
    x = torch.from_numpy(np.array(rgb)).to(device).permute(2, 0, 1)[None].float() / 255
    height, width = rgb.shape[:2]
    return F.pad(x, (0, -width % multiple, 0, -height % multiple), mode="replicate")


def to_picture(x_hat: Tensor, height: int, width: int) -> np.ndarray:
    """float (1, 3, H', W') -> uint8 (height, width, 3): cropped, clamped, rounded to 8 bits."""
    pixels = (x_hat[0, :, :height, :width].clamp(0, 1) * 255).round().to(torch.uint8)
    return pixels.permute(1, 2, 0).contiguous().cpu().numpy()


def exact_convolutions() -> AbstractContextManager[None]:
    """On GPUs, the same numbers from the same convolution every time: the decoder must repeat the encoder's."""
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)


class CodecFiles:
    """Codes files with one codec.

    Args:
        codec: is put into evaluation mode.
        model: the configuration's name, written into every file.
    """

    def __init__(self, codec: nn.Module, model: str) -> None:
        self.codec = codec.eval()
        self.model = model
        self.digest = weights_digest(codec.state_dict())
        self.device = next(codec.parameters()).device

    def check_writer(self, model: str, digest: bytes) -> None:
        """Raises `StreamError` unless a file of `model` with weights `digest` is one of this codec's."""
        if digest != self.digest:
            raise StreamError(
                f"this file was written by '{model}' with weights {digest.hex()}, the checkpoint is "
                f"'{self.model}' with weights {self.digest.hex()}: decode it with the checkpoint that wrote it."
            )
