"""layered: mean_hyperprior with all levels, and a smaller λ's file with fewer."""

import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from support import textured
from support.ranks import assert_two_are_one

from common.coding.codec_files import to_input
from common.entropy.codebook import Codebook
from common.entropy.signs import Signs
from common.errors import LicError
from common.run.weights import load_weights
from lic_image.codecs.layered import FULL, Layered
from lic_image.codecs.mean_hyperprior import MeanHyperprior


def started(codec: MeanHyperprior) -> MeanHyperprior:
    torch.manual_seed(0)
    codec.start = "pyramid"
    x = torch.cat([to_input(textured(64, 64, seed), 64) for seed in range(4)])
    codec.start_from(x, 0.05)
    return codec


def test_with_all_levels_it_is_mean_hyperprior(tmp_path: Path) -> None:
    peer = started(MeanHyperprior(8, 24))
    torch.save(peer.state_dict(), tmp_path / "weights.ckpt")
    codec = Layered(8, 24)
    load_weights(codec, tmp_path / "weights.ckpt")
    assert torch.equal(codec.gains, torch.ones(24, 1, 1))
    x = to_input(textured(128, 128), 64)
    with torch.inference_mode():
        assert torch.equal(codec.eval()(x)["x_hat"], peer.eval()(x)["x_hat"])


def test_each_level_is_better_than_the_one_before() -> None:
    codec = started(Layered(8, 24, levels=6)).eval()
    x = to_input(textured(128, 128, 9), 64)
    with torch.inference_mode():
        told = codec.forward_levels(x)
    errors = [(level["x_hat"] - x).square().mean().item() for level in told]
    bits = [sum(-p.log2().sum().item() for p in level["likelihoods"].values()) for level in told]
    assert all(after < 1.01 * before for before, after in pairwise(errors)) and errors[-1] < 0.8 * errors[0]
    assert bits == sorted(bits) and bits[-1] > 1.5 * bits[0]


def test_levels_are_those_of_lambdas_a_ratio_apart() -> None:
    assert Layered(8, 12, levels=4, ratio=3).worth == pytest.approx([9 * FULL, 3 * FULL, FULL, 0.0])
    assert Layered(8, 12, levels=1).worth == [0.0]


def test_gains_are_the_squared_derivatives_of_the_synthesis() -> None:
    torch.manual_seed(0)
    codec = Layered(8, 12)
    factors = torch.arange(1.0, 13.0)
    codec.g_s = torch.nn.ConvTranspose2d(12, 3, 4, stride=4)
    with torch.no_grad():
        codec.g_s.weight.copy_(torch.ones(12, 3, 4, 4) * factors[:, None, None, None])
    for _ in range(200):
        codec.note_gains(torch.randn(2, 12, 16, 16))
    assert torch.allclose(codec.gains.flatten(), factors**2 / (factors**2).mean(), rtol=0.1)
    assert codec.gains_of == 200


def test_the_loss_of_a_level_trains_the_synthesis_and_the_means() -> None:
    codec = started(Layered(8, 24)).train()
    x = to_input(textured(128, 128), 64)
    codec(x)["losses"]["levels"].backward()
    found = {name.partition(".")[0] for name, p in codec.named_parameters() if p.grad is not None and p.grad.any()}
    assert found == {"g_a", "h_a", "h_s", "g_s"}, "means come from z"
    assert codec.h_s[-1].bias.grad[:24].eq(0).all() and codec.h_s[-1].bias.grad[24:].any(), "not the scales"


def test_a_picture_without_error_has_a_finite_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    codec, x = Layered(8, 12), torch.full((2, 3, 64, 64), 0.5)
    monkeypatch.setattr(codec.g_s, "forward", lambda y: x.clone().requires_grad_())
    told = codec.level_loss(x, torch.zeros(2, 12, 4, 4), torch.ones(2, 12, 4, 4), torch.zeros(2, 12, 4, 4))
    told.backward()
    assert told.item() == pytest.approx(math.log(1 / 12))


def test_two_ranks_train_as_one_process_does() -> None:
    """Pictures of quite different contrasts: the logarithm of their mean error is not the mean of their logarithms."""
    pictures = torch.cat([contrast * to_input(textured(64, 64, seed), 64) for seed, contrast in enumerate((1, 0.2))])
    assert_two_are_one({"image": pictures}, "model=image/layered", "quantiser=noise")


def test_what_it_cannot_do_is_refused() -> None:
    with pytest.raises(LicError, match="one Gaussian each: choose mixture=1"):
        Layered(8, 12, mixture=3)
    with pytest.raises(LicError, match="above 1, not 1"):
        Layered(8, 12, ratio=1)
    for latent in (Signs, Codebook):
        with pytest.raises(LicError, match="trits of whole numbers"):
            Layered(8, 12, latent=latent)
