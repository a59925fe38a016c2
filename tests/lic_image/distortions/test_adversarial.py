"""The discriminator and the codec in one optimiser, each with the gradient of its own loss alone."""

import copy
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from support import compose, textured
from torch import Tensor
from torch.nn.functional import softplus

from common.errors import LicError
from lic_image.distortions.adversarial import Adversarial, PatchDiscriminator
from lic_image.distortions.features import Features
from lic_image.distortions.pixels import MSE
from lic_image.module import ImageCodec


@pytest.fixture
def module() -> ImageCodec:
    torch.manual_seed(0)
    cfg = compose("model=image/mean_hyperprior", "size=tiny", "distortion=adversarial", "lmbda=0.013")
    made: ImageCodec = instantiate(cfg.model, _convert_="object").train()
    return made


def batch() -> dict[str, Tensor]:
    return {"image": torch.from_numpy(textured(128, 128)).permute(2, 0, 1)[None] / 255}


def gradients(module: ImageCodec, loss: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Of the codec, and of the discriminator."""
    module.zero_grad()
    loss.backward()
    named = {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}
    theirs = {name: g for name, g in named.items() if name.startswith("distortion.")}
    return {name: g for name, g in named.items() if name not in theirs}, theirs


def test_both_sides_are_detached_from_each_other(module: ImageCodec) -> None:
    def parts(which: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        torch.manual_seed(1)
        twin = copy.deepcopy(module)
        found = twin.losses(batch())
        own = found["discriminator"]
        return gradients(twin, {"all": found["loss"], "own": own, "rest": found["loss"] - own}[which])

    codec, discriminator = parts("all")
    only_codec, nothing = parts("rest")
    nobody, only_discriminator = parts("own")
    assert all(torch.allclose(codec[name], g, atol=1e-6) for name, g in only_codec.items())
    assert all(g.abs().max() == 0 for g in [*nothing.values(), *nobody.values()])
    assert all(torch.allclose(discriminator[name], g) for name, g in only_discriminator.items())
    assert discriminator and max(g.abs().max() for g in discriminator.values()) > 0


def test_the_losses_are_those_of_the_paper(module: ImageCodec) -> None:
    distortion: Any = module.distortion
    distortion.discriminator.eval()  # spectral normalisation goes on with every call in training
    x = batch()["image"]
    x_hat = (x + 0.05 * torch.randn_like(x)).clamp(0, 1)
    y_hat = torch.randn(1, 48, 8, 8)
    distortion._seen.y_hat = y_hat
    with torch.no_grad():
        fake, real = (distortion.discriminator(p, y_hat) for p in (x_hat, x))
        expected = MSE()(x_hat, x, {}) + 10 * softplus(-fake).mean()
        assert torch.allclose(distortion(x_hat, x, {}), expected)
        own = distortion.auxiliary(x_hat, x)["discriminator"]
        assert torch.allclose(own, softplus(fake).mean() + softplus(-real).mean())
        distortion.eval()
        assert torch.allclose(distortion(x_hat, x, {}), MSE()(x_hat, x, {}))


def test_the_discriminator_has_a_rate_of_its_own(module: ImageCodec) -> None:
    trainer: Any = type("Trainer", (), {"max_steps": 10})()
    module._trainer = trainer
    groups = module.configure_optimizers()["optimizer"].param_groups
    ids = {id(p) for p in module.distortion.parameters()}
    assert [len({id(p) for p in group["params"]} & ids) for group in groups[:2]] == [0, 0]
    assert {id(p) for p in groups[2]["params"]} == ids and groups[2]["lr"] == 1e-3
    assert groups[2]["betas"] == (0.5, 0.9) and groups[0]["betas"] == (0.9, 0.999)


def test_patches(module: ImageCodec) -> None:
    assert PatchDiscriminator(5, width=4)(torch.rand(2, 3, 64, 96), torch.rand(2, 5, 4, 6)).shape == (2, 1, 8, 12)


def test_it_learns_to_tell_noise_from_photographs() -> None:
    torch.manual_seed(0)
    judge = PatchDiscriminator(4, width=8)
    optimizer = torch.optim.Adam(judge.parameters(), 2e-3)
    x, y_hat = batch()["image"], torch.zeros(1, 4, 8, 8)
    for _ in range(40):
        loss = softplus(judge((x + 0.2 * torch.randn_like(x)), y_hat)).mean() + softplus(-judge(x, y_hat)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 1.0  # 1.39 by guessing


def test_wrong_settings() -> None:
    for wrong in ({"weight": -1}, {"lr": 0}, {"lr": -1.0}, {"width": 0}):
        with pytest.raises(LicError, match=f"loss.{next(iter(wrong))} must be"):
            Adversarial(**wrong)
    with pytest.raises(LicError, match=r"alexnet-owt-7be5be79\.pth"):
        Features()
