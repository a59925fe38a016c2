"""Small moving clips, and small video codecs to code them with."""

from collections.abc import Collection, Iterator

import numpy as np
import torch
from hydra.utils import instantiate

from lic_video.codecs.contract import VideoCodec
from support import compose, textured


def moving(width: int, height: int, frames: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Frames uint8 (H, W, 3): a texture that moves by two pixels and one a frame."""
    picture = textured(height + frames, width + 2 * frames, seed)
    for t in range(frames):
        yield picture[t : t + height, 2 * t : 2 * t + width].copy()


def pairs(height: int, width: int, count: int) -> torch.Tensor:
    """(count, 2, 3, H, W) in [0, 1]: two successive frames of `moving` clips."""
    clips = [np.stack(list(moving(width, height, 2, seed))) for seed in range(count)]
    return torch.from_numpy(np.stack(clips)).permute(0, 1, 4, 2, 3).float() / 255


def video_codec(system: str, *overrides: str, given: Collection[str] = ()) -> VideoCodec:
    """A codec of `size=tiny` at its starting values; parts that are `given` count as trained."""
    torch.manual_seed(0)
    small = [] if system == "ssf2020" else ["flow.iterations=[1,1]"]
    cfg = compose(f"model=video/{system}", "size=tiny", *small, *overrides)
    codec: VideoCodec = instantiate(cfg.model.codec).eval()
    if hasattr(codec, "start_from"):
        codec.start_from(pairs(128, 128, 4), 512.0, given)
    return codec
