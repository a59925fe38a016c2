"""What the motion codec's encoder does, seen from outside."""

import time

import torch
from support.clips import pairs, video_codec
from torch import Tensor, nn

from lic_video.watch import seconds_of_motion_encoder, watching


@torch.inference_mode()
def test_features_are_those_behind_each_block_of_the_encoder() -> None:
    codec = video_codec("ofmc")
    reference, frame = pairs(64, 96, 1).unbind(1)
    with watching(codec) as seen:
        coded = codec(frame, reference)
    assert coded.intermediates is not None
    motion = codec.get_submodule("motion_codec")
    x = coded.intermediates.flow / motion.unit
    behind = []
    for layer in motion.g_a:  # type: ignore[union-attr]
        x = layer(x)
        if hasattr(layer, "maps"):
            behind.append(x.square().mean(1).sqrt())
    assert list(seen) == ["DRAS 1: features", "DRAS 2: features"]
    assert [found.shape for found in seen.values()] == [(1, 16, 24), (1, 8, 12)]
    for found, expected in zip(seen.values(), behind):
        torch.testing.assert_close(found, expected)
    seen.clear()
    codec(frame, reference)
    assert not seen, "afterwards the codec is as before"


@torch.inference_mode()
def test_a_codec_without_blocks_shows_nothing() -> None:
    codec = video_codec("dvc")
    reference, frame = pairs(64, 64, 1).unbind(1)
    with watching(codec) as seen:
        codec(frame, reference)
    assert seen == {}


class Slow(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        time.sleep(0.02)
        return x


def test_seconds_are_those_of_the_encoder_alone() -> None:
    codec = nn.Module()
    codec.motion_codec = nn.Module()
    codec.motion_codec.g_a, codec.motion_codec.g_s = Slow(), Slow()
    with seconds_of_motion_encoder(codec) as found:
        for _ in range(3):
            codec.motion_codec.g_s(codec.motion_codec.g_a(torch.zeros(1)))
    codec.motion_codec.g_a(torch.zeros(1))
    assert len(found) == 3 and all(0.02 <= seconds < 0.04 for seconds in sorted(found)[:2])
    with seconds_of_motion_encoder(nn.Module()) as found:
        pass
    assert found == []
