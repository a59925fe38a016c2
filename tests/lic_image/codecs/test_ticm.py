"""The published size, the switches, bits and batches; files are tested with all codecs' in `test_round_trip`."""

from functools import partial
from typing import Any

import pytest
import torch
from support import assert_files_are_the_forward_pass

from common.entropy.quantisers import Mixed
from lic_image.codecs.ticm import TICM
from lic_image.layers.causal_global import CausalGlobalContext
from lic_image.layers.masked_context import MaskedContext

CONTEXTS = {
    "cgam": partial(CausalGlobalContext, width=16, hidden=24, d=8, rows=3),
    "masked": partial(MaskedContext, width=16, hidden=24),
}


def parameters(**settings: Any) -> int:
    return sum(p.numel() for p in TICM(**settings).parameters())


def test_it_has_the_published_size() -> None:
    assert parameters() == pytest.approx(27.3e6, rel=0.05)


def test_each_switch_takes_its_part_away() -> None:
    whole = parameters()
    assert parameters(context=MaskedContext) < whole
    assert parameters(reductions=(1,) * 5) == whole - 2 * sum(
        C * (C * r * r + 1) + 2 * C for C, r in ((64, 8), (128, 4), (320, 2))
    )
    assert parameters(depths=(1, 1, 2, 1, 1)) > 1.1 * whole


def lively(context: str = "cgam", reductions: tuple[int, ...] = (8, 4, 2, 1, 1)) -> TICM:
    """Latents of a few units, and scales as theirs."""
    torch.manual_seed(0)
    codec = TICM((16, 16, 32, 32, 48), mlp=(2,) * 5, reductions=reductions, context=CONTEXTS[context], head=16)
    codec(torch.rand(4, 3, 128, 128))  # batch statistics that are not those of the start
    with torch.no_grad():
        last: Any = codec.g_a[-1]
        last.mlp[-1].weight.mul_(20)
        codec.eval()
        last.mlp[-1].weight.mul_(3 / codec.g_a(torch.rand(1, 3, 128, 128)).std())
        tellers = [codec.context.told] if context == "masked" else [codec.context.told_1, codec.context.told_2]
        for layers in tellers:
            layers[-1].bias[: len(layers[-1].bias) // 2] = 3.0  # type: ignore[index, union-attr]
    return codec


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("batch", [1, 4])
def test_decoded_is_the_forward_pass_and_the_size_is_what_likelihoods_say(batch: int, context: str) -> None:
    assert_files_are_the_forward_pass(lively(context), torch.rand(batch, 3, 192, 256), within=0.02)


@pytest.mark.parametrize("threads", [1, 2])
def test_pictures_of_a_batch_are_coded_as_by_themselves(threads: int) -> None:
    codec, x = lively(reductions=(1,) * 5), torch.rand(3, 3, 128, 64)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.inference_mode():
            y = codec.g_a(x)
            together = codec.compress_latents(y)
            for i in range(3):
                alone = codec.compress_latents(y[i : i + 1].clone())
                assert [strings[0] for strings in alone["strings"]] == [strings[i] for strings in together["strings"]]
            y_hat = codec.decompress_latents(**together)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(y_hat, y.round()) and y_hat.abs().max() > 3


def test_in_training_the_quantiser_says_what_is_rated_and_seen() -> None:
    codec = lively().train()
    codec.gaussian_conditional.quantiser = Mixed()
    y = codec.g_a(torch.rand(2, 3, 128, 128))
    y_hat, likelihoods = codec.measured(y)
    assert torch.equal(y_hat, y.round()) and likelihoods["y"].shape == y.shape
    y_hat.sum().backward(retain_graph=True)
    assert torch.equal(torch.autograd.grad(y_hat.sum(), y)[0], torch.ones_like(y))


def test_every_parameter_learns() -> None:
    codec = lively().train()
    out = codec(torch.rand(2, 3, 128, 128))
    (out["x_hat"].square().mean() - sum(p.log().mean() for p in out["likelihoods"].values())).backward()
    assert [name for name, p in codec.named_parameters() if p.grad is None] == ["entropy_bottleneck.quantiles"]
