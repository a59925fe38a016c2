"""What stands between a picture and any codec's networks, once: padding and cropping, 8 bits, exact convolutions."""

from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


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
