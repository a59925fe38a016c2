"""`--exact`: I and P frames in exact arithmetic are nearly those of floats, and the same bits in any order."""

import io
from fractions import Fraction

import numpy as np
import pytest
import torch
from support.clips import moving, video_codec

from common.data.video_files import VideoInfo
from common.entropy import exact
from common.layers.memory_format import in_memory_format
from lic_video.files import VideoFiles

SYSTEMS: dict[str, list[str]] = {
    "ofmc": [],
    "ofmc with convolutions": ["residual=hyperprior", "compensation=residual"],
    "ofmc with global pooling": ["compensation=crb_global_pooling"],
    "dvc": [],
    "ssf2020": [],
}


@pytest.mark.parametrize("system", SYSTEMS)
def test_clips_decode_to_the_same_pixels_in_any_order(system: str) -> None:
    codec = video_codec(system.split()[0], *SYSTEMS[system])
    with torch.no_grad():
        for parameter in codec.parameters():
            if not parameter.any():
                parameter.normal_(std=0.01)
    files, file = VideoFiles(codec, "test"), io.BytesIO()
    side = codec.downsampling
    info = VideoInfo(side + 9, side - 5, Fraction(25), None, None)
    assert len(list(files.encode(moving(info.width, info.height, 3), info, file))) == 3

    def decoded(exact: bool) -> np.ndarray:
        return np.stack([frame for _, frame in files.decode(file.getvalue(), exact=exact)])  # type: ignore[arg-type]

    in_floats, found = decoded(False), decoded(True)
    assert len(found) == 3 and np.abs(in_floats.astype(int) - found).max() <= 1
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with exact.shuffled_sums():
            assert np.array_equal(decoded(True), found)
        in_memory_format(codec, torch.channels_last)
        assert np.array_equal(decoded(True), found)
    finally:
        torch.set_num_threads(threads)
