"""Codecs whose latent is of few values: real files, odd sizes, damaged bytes, some steps of training."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from support import assert_damage_is_found, textured

from common.coding.codec_files import to_input, to_picture
from common.entropy.assignments import SoftToHard, StochasticSign
from common.entropy.codebook import Codebook
from common.entropy.models import quantise_by
from common.entropy.signs import Signs
from common.errors import LicError
from lic_image.codecs.adjacent import Adjacent
from lic_image.codecs.factorized import Factorized
from lic_image.codecs.hyperprior import Hyperprior
from lic_image.codecs.mean_hyperprior import MeanHyperprior
from lic_image.files import ImageFiles

PAIRS = partial(Codebook, points=5, size=2)
CODECS: dict[str, Callable[[], Hyperprior | Factorized]] = {
    "factorized, signs": lambda: Factorized(8, 12, start="pyramid", latent=Signs),
    "factorized, pairs": lambda: Factorized(8, 12, start="klt", latent=PAIRS),
    "hyperprior, signs": lambda: Hyperprior(8, 12, start="pyramid", latent=Signs),
    "mean_hyperprior, signs": lambda: MeanHyperprior(8, 12, latent=Signs),
    "mean_hyperprior, pairs": lambda: MeanHyperprior(8, 12, start="pyramid", latent=PAIRS),
    "adjacent, pairs": lambda: Adjacent(8, 12, mixture=1, start="pyramid", latent=PAIRS),
}


def started(name: str) -> Hyperprior | Factorized:
    torch.manual_seed(0)
    codec = CODECS[name]()
    codec.start_from(to_input(textured(128, 128), 64), 0.013)
    return codec.eval()


@pytest.mark.parametrize("size", [(1, 1), (17, 33), (130, 200)], ids=str)
@pytest.mark.parametrize("name", CODECS)
def test_files_are_the_forward_pass(name: str, size: tuple[int, int]) -> None:
    codec = started(name)
    files, rgb = ImageFiles(codec, "test"), textured(*size, seed=1)
    with torch.inference_mode():
        forward = codec(to_input(rgb, codec.downsampling))["x_hat"]
    assert np.array_equal(files.decode(files.encode(rgb)).rgb, to_picture(forward, *size))


@pytest.mark.parametrize("name", ["factorized, pairs", "mean_hyperprior, signs"])
def test_damaged_files_end_in_an_error_or_in_the_right_pixels(name: str) -> None:
    assert_damage_is_found(ImageFiles(started(name), "test"), textured(64, 64), cases=60, least=50)


@pytest.mark.parametrize(
    ("name", "rule"), [("factorized, pairs", SoftToHard((1.0, 20.0))), ("mean_hyperprior, signs", StochasticSign())]
)
def test_learns_a_few_crops(name: str, rule: SoftToHard | StochasticSign) -> None:
    codec = started(name).train()
    quantise_by(codec, rule)
    x = torch.cat([to_input(textured(64, 64, seed), 64) for seed in range(4)])
    optimizer = torch.optim.Adam([p for n, p in codec.named_parameters() if not n.endswith("quantiles")], lr=2e-3)
    costs = []
    for step in range(40):
        rule.at(step / 40)
        out = codec(x)
        bits = sum(-p.log2().sum() for p in out["likelihoods"].values()) / (4 * 64 * 64)
        loss = bits + 0.013 * 255**2 * (out["x_hat"] - x).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        costs.append(loss.item())
    assert np.mean(costs[-5:]) < 0.8 * np.mean(costs[:5])


@pytest.mark.parametrize("name", ["factorized, signs", "hyperprior, signs"])
def test_strong_coefficients_start_with_several_signs(name: str) -> None:
    """One sign for each coefficient leaves most of the strongest: with as many signs the picture starts far better."""
    codec, x = started(name), to_input(textured(128, 128), 64)
    signs = codec.gaussian_conditional if isinstance(codec, Hyperprior) else codec.entropy_bottleneck
    assert signs.place.max() >= 2

    def error() -> float:
        with torch.no_grad():
            return (codec(x)["x_hat"] - x).square().mean().item()

    several = error()
    first = next(layer for layer in codec.g_s if isinstance(layer, torch.nn.ConvTranspose2d))
    first.weight.data[signs.place > 0] = 0
    assert several < 0.5 * error()
    with torch.no_grad():
        assert codec.g_a(x)[:, signs.place > 0].abs().max() < 1e-3


def test_mixtures_have_no_codebook() -> None:
    with pytest.raises(LicError, match="set mixture=1"):
        Adjacent(8, 12, latent=Signs)
