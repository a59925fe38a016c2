"""Every codec: what is decoded from the bytes is what the evaluation forward pass reconstructs."""

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from compressai.models import CompressionModel
from torch import Tensor

from common.coding.codec_files import to_input, to_picture
from lic_image.codecs.adjacent import Adjacent
from lic_image.codecs.channel_postfilter import ChannelPostfilter
from lic_image.codecs.compressai_zoo import Cheng2020Anchor, Cheng2020Attention, JointAutoregressive
from lic_image.codecs.factorized import Factorized
from lic_image.codecs.hyperprior import Hyperprior
from lic_image.codecs.interleaved import Interleaved
from lic_image.codecs.mean_hyperprior import MeanHyperprior
from lic_image.codecs.stf import STF
from lic_image.codecs.swift import Swift
from lic_image.codecs.ticm import TICM
from lic_image.codecs.tinylic import TinyLIC
from lic_image.files import ImageFiles
from lic_image.layers.adjacent_attention import AdjacentAttention
from lic_image.layers.causal_global import CausalGlobalContext
from lic_image.layers.channel_attention import ChannelAttention
from lic_image.layers.decoded_refinement import DecodedRefinement
from lic_image.layers.nonlocal_attention import NonLocalAttention
from lic_image.layers.post_filter import PostFilter
from lic_image.layers.simplified_attention import SimplifiedAttention

SIZES = [(1, 1), (17, 33), (64, 64), (333, 500)]


def swift(start: Any = None) -> Swift:
    codec = Swift(M=48, N=16, Z=4, blocks=1, start=start)
    codec.start_from(torch.rand(2, 3, 64, 64), 0.013)
    return codec


ATTENTION: dict[str, dict[str, Any]] = {
    "none": {"attention": None},
    "simplified": {"attention": SimplifiedAttention},
    "nonlocal": {"attention": NonLocalAttention},
    "adjacent": {"attention": AdjacentAttention},
    "channel": {"attention": partial(ChannelAttention, reduction=4), "decoder_attention": "last"},
}
REFINEMENT: dict[str, Any] = {
    "none": None,
    "nonlocal": partial(DecodedRefinement, window=3),  # which does not divide the pictures' patches
    "postfilter": partial(PostFilter, N=8),
}
FAST: dict[str, Callable[[], CompressionModel]] = {
    "factorized": lambda: Factorized(8, 12),
    "factorized with blocks": lambda: Factorized(8, 12, **ATTENTION["nonlocal"], refinement=REFINEMENT["postfilter"]),
    "hyperprior": lambda: Hyperprior(8, 12),
    "hyperprior with blocks": lambda: Hyperprior(
        8, 12, **ATTENTION["adjacent"], mixture=3, refinement=REFINEMENT["nonlocal"]
    ),
    "mean_hyperprior": lambda: MeanHyperprior(8, 12),
    "adjacent": lambda: Adjacent(8, 12),
    "channel_postfilter": lambda: ChannelPostfilter(8, 12, refinement=REFINEMENT["postfilter"]),
    "swift": swift,
    "swift klt": partial(swift, "klt"),
    "swift wavelet": partial(swift, "wavelet"),
    "interleaved": lambda: Interleaved(partial(TinyLIC, (16, 16, 32, 32), (1, 1, 1, 1), 16, (8, 8)), C=4, hidden=8),
    "stf": lambda: STF(4, (1, 1, 2, 1), (16, 16, 16, 16, 8), 4, 2, (8, 8), head=4),
    "tinylic": lambda: TinyLIC((16, 16, 32, 32), (1, 1, 1, 1), 16, (8, 8)),
}
RASTER: dict[str, Callable[[], CompressionModel]] = {
    "mbt2018": lambda: JointAutoregressive(8, 12),
    "cheng2020-anchor": lambda: Cheng2020Anchor(8),
    "cheng2020-attn": lambda: Cheng2020Attention(8),
    "ticm": lambda: TICM(
        (16, 16, 32, 32, 48), context=partial(CausalGlobalContext, width=16, hidden=24, rows=4), head=16
    ),
}


def livened(make: Callable[[], CompressionModel], seed: int) -> CompressionModel:
    """Random weights give latents near zero; larger last layers give symbols of every kind."""
    torch.manual_seed(seed)
    codec = make()
    with torch.no_grad():
        for name, parameter in codec.named_parameters():
            if parameter.ndim > 1 and not name.startswith(("transform", "inverse", "entropy_bottleneck")):
                spread = parameter.std(unbiased=False)
                parameter += torch.where(spread > 0, 0.3 * spread, 0.02) * torch.randn_like(parameter)
            if name.startswith(("g_a.6.weight", "g_a.6.mlp.2")):
                parameter *= 40
            if name.startswith("h_s.attention.mlp"):
                parameter *= 0.1  # gates that close would make scales zero
    return codec.eval()


def check(codec: CompressionModel, height: int, width: int) -> None:
    files = ImageFiles(codec, "test")
    rgb = np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    data = files.encode(rgb)
    with torch.inference_mode():
        forward = codec(to_input(rgb, codec.downsampling))
    decoded = files.decode(data)
    assert decoded.rgb.shape == (height, width, 3)
    assert np.array_equal(decoded.rgb, to_picture(forward["x_hat"], height, width))


def fit_entropy_models(codec: CompressionModel, x: Tensor) -> None:
    """Tables reach as far as the densities, and predicted scales are their channels', as training makes them."""
    codec.entropy_bottleneck.update(update_quantiles=True)
    if not isinstance(codec, Hyperprior):
        return
    y, told = codec.g_a(x), codec.h_s if codec.merge is None else codec.merge.layers
    last = [layer for layer in told if hasattr(layer, "bias")][-1]
    for _ in range(8):  # in steps, as what follows the last layer may halve it
        z_hat, _ = codec.entropy_bottleneck(codec.hyper_analysis(y))
        scales, means, *_ = *codec.hyper_synthesis(z_hat), torch.zeros(1)
        deviation = y.repeat(1, scales.shape[1] // y.shape[1], 1, 1) - means
        last.bias[: scales.shape[1]] += deviation.square().mean((0, 2, 3)).sqrt() - scales.mean((0, 2, 3))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", FAST)
def test_decoded_pixels_are_the_forward_pass(name: str, size: tuple[int, int]) -> None:
    check(livened(FAST[name], seed=1), *size)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", RASTER)
def test_autoregressive_codecs_too(name: str, size: tuple[int, int]) -> None:
    check(livened(RASTER[name], seed=2), *size)


@pytest.mark.parametrize("mixture", [1, 3])
@pytest.mark.parametrize(("attention", "refinement"), list(product(ATTENTION, REFINEMENT)))
def test_every_combination_of_blocks(attention: str, refinement: str, mixture: int) -> None:
    blocks = {**ATTENTION[attention], "mixture": mixture, "refinement": REFINEMENT[refinement]}
    check(livened(lambda: MeanHyperprior(8, 12, **blocks), seed=5), 70, 131)


@pytest.mark.parametrize(
    "name", [name for name in FAST if name not in ("tinylic", "interleaved", "stf")]
)  # have tests of their own
def test_estimated_bits_are_the_written_ones(name: str) -> None:
    codec = livened(FAST[name], seed=3)
    x = torch.rand(1, 3, 512, 512)  # of thousands of bytes: where its streams end does not count
    with torch.inference_mode():
        fit_entropy_models(codec, x)
        estimated = sum(-p.log2().sum().item() for p in codec(x)["likelihoods"].values())
        written = 8 * sum(len(stream[0]) for stream in codec.compress(x)["strings"])
    assert written == pytest.approx(estimated, rel=0.01)


@pytest.mark.parametrize("name", ["factorized", "mean_hyperprior", "adjacent", "swift"])
def test_batches_code_like_single_images(name: str) -> None:
    codec = livened(FAST[name], seed=4)
    x = torch.rand(3, 3, 64, 64)
    with torch.inference_mode():
        out = codec.compress(x)
        assert [len(strings) for strings in out["strings"]] == [3] * len(out["strings"])
        x_hat = codec.decompress(out["strings"], out["shape"])["x_hat"]
        singles = [codec(image[None])["x_hat"].clamp(0, 1) for image in x]
    assert torch.allclose(x_hat, torch.cat(singles), atol=1e-5)
