"""Files as earlier commits wrote them; see README.md."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from .systems import codec_of

HERE = Path(__file__).parent


def codec_with_weights(system: str) -> nn.Module:
    """The codec that wrote `system`'s files."""
    codec = codec_of(system)
    with gzip.open(HERE / f"{system}.pt.gz") as packed:
        file: Any = packed
        codec.load_state_dict(torch.load(file, weights_only=True))
    return codec


def pixels_of(system: str) -> np.ndarray:
    """What the code of then decoded, of all versions alike: uint8 (H, W, 3), of a clip (frames, H, W, 3)."""
    with np.load(HERE / f"{system}.npz") as archive:
        return archive["pixels"]
