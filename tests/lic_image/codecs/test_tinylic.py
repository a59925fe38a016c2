"""The published size, bits and batches; files are tested with all codecs' in `test_round_trip`."""

from typing import Any

import pytest
import torch
from support import assert_files_are_the_forward_pass

from lic_image.codecs.tinylic import TinyLIC


def test_it_has_the_published_size() -> None:
    codec = TinyLIC()
    assert sum(p.numel() for p in codec.parameters()) == pytest.approx(28.3e6, rel=0.02)


def test_parts_are_left_out_more_and_more_often() -> None:
    codec = TinyLIC()
    drops = [block.drop_path.drop for stage in codec.g_a[1::2] for block in stage.blocks]  # type: ignore[union-attr]
    mirrored = [block.drop_path.drop for stage in codec.g_s[::2] for block in stage.blocks]  # type: ignore[union-attr]
    assert drops == sorted(drops) and drops[0] == 0 and mirrored[0] == 0 and mirrored == sorted(mirrored)
    assert codec.h_a[-1].blocks[-1].drop_path.drop == pytest.approx(0.1)  # type: ignore[union-attr, index]


def lively() -> TinyLIC:
    """Latents of a few units, and scales as theirs."""
    torch.manual_seed(0)
    codec = TinyLIC((16, 16, 32, 32), (1, 1, 1, 1), 16, (8, 8), drop=0.0).eval()
    with torch.no_grad():
        codec.g_a[-2].weight.mul_(3 / codec.g_a(torch.rand(1, 3, 128, 128)).std())  # type: ignore[union-attr, operator]
        for predictor in codec.context.predictors:
            last: Any = predictor.parameters_of[-1]  # type: ignore[union-attr, index]
            last.bias[: last.out_channels // 2] = 3.0
    return codec


@pytest.mark.parametrize("batch", [1, 4])
def test_decoded_is_the_forward_pass_and_the_size_is_what_likelihoods_say(batch: int) -> None:
    assert_files_are_the_forward_pass(lively(), torch.rand(batch, 3, 256, 256))
