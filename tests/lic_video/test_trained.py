"""A trained video codec from Python."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.clips import moving

import lic_video
from common.data.video_files import Clip
from common.errors import LicError, StreamError


def test_frames_to_bytes_and_back(lic: Callable[..., int], tmp_path: Path) -> None:
    assert lic("train", "model=video/ssf2020", "debug=step", f"hydra.run.dir={tmp_path}/run") == 0
    frames = list(moving(70, 50, 4))
    codec = lic_video.load(tmp_path / "run")
    data = codec.encode(iter(frames), rate=29.97)
    decoded = codec.decode(data)
    assert decoded.shape == (4, 50, 70, 3) and decoded.dtype == np.uint8
    (tmp_path / "clip.lic").write_bytes(data)
    assert lic("decompress", f"{tmp_path}/clip.lic", f"{tmp_path}/clip.mkv", f"--checkpoint={tmp_path}/run") == 0
    assert np.array_equal(np.stack(list(Clip(tmp_path / "clip.mkv"))), decoded)
    with pytest.raises(StreamError):
        codec.decode(data[: len(data) // 2])
    for wrong, sentence in (([], "at least one frame"), ([*frames, frames[0][:20]], "frame 4 is uint8")):
        with pytest.raises(LicError, match=sentence):
            codec.encode(wrong)
