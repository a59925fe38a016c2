"""The published size, bits and batches; files are tested with all codecs' in `test_round_trip`."""

from typing import Any

import pytest
import torch
from support import assert_files_are_the_forward_pass

from lic_image.codecs.stf import STF


def test_it_has_the_published_size() -> None:
    codec = STF()
    assert sum(p.numel() for p in codec.parameters()) == pytest.approx(99.9e6, rel=0.02)
    assert codec.downsampling == 64


def test_it_codes_features_that_others_make() -> None:
    torch.manual_seed(0)
    codec = STF(4, (1, 1, 1, 1), (16, 16, 16, 16, 8), 4, 2, (8,), head=4, inputs=6, patch=1).eval()
    x = torch.rand(2, 6, 32, 64)
    with torch.inference_mode():
        out = codec.compress(x)
        assert codec.downsampling == 32 and out["shape"] == (1, 2)
        assert torch.equal(codec.decompress(**out)["x_hat"], codec(x)["x_hat"].clamp(0, 1))


def lively() -> STF:
    """Latents of a few units, and scales as theirs."""
    torch.manual_seed(0)
    codec = STF(8, (1, 1, 2, 1), (32, 32, 32, 32, 16), 4, 2, (16, 16), head=8).eval()
    last: Any
    with torch.no_grad():
        last = codec.g_a.layers[-2]
        last.reduction.weight.mul_(3 / codec.g_a(torch.rand(1, 3, 128, 128)).std())
        for last in codec.context.scales:
            last[-1].bias[:] = 3.0
    return codec


@pytest.mark.parametrize("batch", [1, 4])
def test_decoded_is_the_forward_pass_and_the_size_is_what_likelihoods_say(batch: int) -> None:
    assert_files_are_the_forward_pass(lively(), torch.rand(batch, 3, 256, 256))
