"""Every codec: what is decoded from the bytes is what the evaluation forward pass reconstructs."""

import numpy as np
import pytest
import torch
from compressai.models import CompressionModel

from lic_image.codecs.compressai_zoo import Cheng2020Anchor, Cheng2020Attention, JointAutoregressive
from lic_image.codecs.factorized import Factorized
from lic_image.codecs.hyperprior import Hyperprior
from lic_image.codecs.mean_hyperprior import MeanHyperprior
from lic_image.codecs.swift import Swift
from lic_image.files import ImageFiles, to_input, to_picture

SIZES = [(1, 1), (17, 33), (64, 64), (333, 500)]


def swift() -> Swift:
    codec = Swift(M=48, N=16, Z=4, blocks=1)
    codec.start_from(torch.rand(2, 3, 64, 64), 0.013)
    return codec


FAST = {
    "factorized": lambda: Factorized(8, 12),
    "hyperprior": lambda: Hyperprior(8, 12),
    "mean_hyperprior": lambda: MeanHyperprior(8, 12),
    "swift": swift,
}
RASTER = {
    "mbt2018": lambda: JointAutoregressive(8, 12),
    "cheng2020-anchor": lambda: Cheng2020Anchor(8),
    "cheng2020-attn": lambda: Cheng2020Attention(8),
}


def livened(codec: CompressionModel, seed: int) -> CompressionModel:
    """Random weights give latents near zero; larger last layers give symbols of every kind."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, parameter in codec.named_parameters():
            if parameter.ndim > 1 and not name.startswith(("transform", "inverse", "entropy_bottleneck")):
                parameter += 0.3 * parameter.std(unbiased=False).nan_to_num(0.05) * torch.randn_like(parameter)
            if name.startswith("g_a.6.weight"):
                parameter *= 40
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


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", FAST)
def test_decoded_pixels_are_the_forward_pass(name: str, size: tuple[int, int]) -> None:
    check(livened(FAST[name](), seed=1), *size)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", RASTER)
def test_autoregressive_codecs_too(name: str, size: tuple[int, int]) -> None:
    check(livened(RASTER[name](), seed=2), *size)


@pytest.mark.parametrize("name", FAST)
def test_estimated_bits_are_the_written_ones(name: str) -> None:
    codec = livened(FAST[name](), seed=3)
    x = torch.rand(1, 3, 256, 256)
    with torch.inference_mode():
        if isinstance(codec, Hyperprior):  # scales that fit the latents, as training makes them
            last = [layer for layer in codec.h_s if hasattr(layer, "bias")][-1]
            last.bias[:12] = codec.g_a(x).std()
        estimated = sum(-p.log2().sum().item() for p in codec(x)["likelihoods"].values())
        written = 8 * sum(len(stream[0]) for stream in codec.compress(x)["strings"])
    assert written == pytest.approx(estimated, rel=0.01, abs=128)


@pytest.mark.parametrize("name", ["factorized", "mean_hyperprior", "swift"])
def test_batches_code_like_single_images(name: str) -> None:
    codec = livened(FAST[name](), seed=4)
    x = torch.rand(3, 3, 64, 64)
    with torch.inference_mode():
        out = codec.compress(x)
        assert [len(strings) for strings in out["strings"]] == [3] * len(out["strings"])
        x_hat = codec.decompress(out["strings"], out["shape"])["x_hat"]
        singles = [codec(image[None])["x_hat"].clamp(0, 1) for image in x]
    assert torch.allclose(x_hat, torch.cat(singles), atol=1e-5)
