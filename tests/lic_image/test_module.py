"""Loss, parameter groups and clipping of the LightningModule; the peers' view of our codecs."""

from functools import partial
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from compressai.models import CompressionModel
from pytorch_msssim import ms_ssim

from common.entropy.quantisers import Mixed, Noise, SoftRounding
from common.errors import LicError
from common.schedules import cosine
from lic_image.codecs.hyperprior import Hyperprior
from lic_image.codecs.swift import Swift
from lic_image.module import ImageCodec


def module(**changes: Any) -> ImageCodec:
    torch.manual_seed(0)
    settings: dict[str, Any] = {
        "codec": Hyperprior(8, 12),
        "lmbda": 0.01,
        "distortion": "mse",
        "optimizer": partial(torch.optim.Adam, lr=1e-3),
        "scheduler": cosine,
        "aux_lr": 0.5,
    }
    return ImageCodec(**{**settings, **changes})


def test_loss_written_out() -> None:
    m = module().eval()
    x = torch.rand(2, 3, 64, 64)
    out = m.codec(x)
    bits = sum(-p.log2().sum() for p in out["likelihoods"].values()) / (2 * 64 * 64)
    expected = bits + 0.01 * 255**2 * ((out["x_hat"] - x) ** 2).mean()
    assert m.losses({"image": x})["loss"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_quantiser_is_every_entropy_models_and_knows_how_far_training_is() -> None:
    soft = SoftRounding((2.0, 4.0))
    m = module(quantiser=soft)
    assert m.codec.entropy_bottleneck.quantiser is soft and m.codec.gaussian_conditional.quantiser is soft
    m.trainer = Mock(max_steps=10, global_step=5)
    m.on_train_batch_start({}, 0)
    assert soft.alpha == 3.0
    assert isinstance(module().codec.gaussian_conditional.quantiser, Noise)
    assert isinstance(module(codec=Swift(M=8, N=4, Z=4)).codec.gaussian_conditional.quantiser, Mixed)


class WithLoss(Hyperprior):
    """Has a loss of its own, of 3."""

    own_losses = ("own",)

    def forward(self, x: torch.Tensor) -> dict[str, Any]:
        return {**super().forward(x), "losses": {"own": torch.tensor(3.0)}}


@pytest.mark.parametrize(("losses", "step", "added"), [
    (None, 0, 3.0), ({"own": {"weight": 0.5}}, 9, 1.5), ({"own": {"weight": 2.0, "until": 0.3}}, 2, 6.0),
    ({"own": {"weight": 2.0, "until": 0.3}}, 3, 0.0),
])  # fmt: skip
def test_a_codecs_own_loss_counts_as_long_as_it_is_told_to(losses: Any, step: int, added: float) -> None:
    torch.manual_seed(0)
    x, found, state = torch.rand(1, 3, 64, 64), list[float](), Hyperprior(8, 12).state_dict()
    for codec in (Hyperprior(8, 12), WithLoss(8, 12)):
        m = module(codec=codec, losses=losses if isinstance(codec, WithLoss) else None).eval()
        m.codec.load_state_dict(state)
        m.trainer = Mock(max_steps=10, global_step=step)
        found.append(m.losses({"image": x})["loss"].item())
    assert found[1] - found[0] == pytest.approx(added, abs=1e-3)


def test_a_loss_that_the_codec_does_not_have_is_refused() -> None:
    with pytest.raises(LicError, match="Hyperprior has no loss own"):
        module(losses={"own": {"weight": 1.0}})


def test_ms_ssim_loss_written_out() -> None:
    m = module(distortion="ms_ssim", lmbda=10.0).eval()
    x = torch.rand(1, 3, 192, 192)
    out = m.codec(x)
    bits = sum(-p.log2().sum() for p in out["likelihoods"].values()) / (192 * 192)
    expected = bits + 10 * (1 - ms_ssim(out["x_hat"], x, data_range=1.0))
    assert m.losses({"image": x})["loss"].item() == pytest.approx(expected.item(), rel=1e-5)


class Noisy(CompressionModel):
    """Reconstructs with a little fixed noise, for one bit."""

    downsampling = 1

    def forward(self, x: torch.Tensor) -> dict[str, Any]:
        noise = 0.01 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
        return {"x_hat": x + noise, "likelihoods": {"y": torch.full((1,), 0.5)}}


def test_ms_ssim_loss_is_exact_in_mixed_precision() -> None:
    m = module(distortion="ms_ssim", codec=Noisy())
    x = torch.rand(1, 3, 192, 192)
    exact = m.losses({"image": x})["distortion"].item()
    with torch.autocast("cpu", torch.bfloat16):
        assert m.losses({"image": x})["distortion"].item() == pytest.approx(exact, rel=1e-4)


def test_ms_ssim_needs_larger_crops() -> None:
    with pytest.raises(LicError, match="161 pixels"):
        module(distortion="ms_ssim").losses({"image": torch.rand(1, 3, 128, 128)})


def test_quantiles_are_a_group_of_their_own_at_a_constant_rate() -> None:
    m = module()
    m._trainer = SimpleNamespace(max_steps=100)  # type: ignore[assignment]
    configured = m.configure_optimizers()
    main, quantiles = configured["optimizer"].param_groups
    assert [p.shape for p in quantiles["params"]] == [m.codec.entropy_bottleneck.quantiles.shape]
    assert len(main["params"]) + 1 == len(list(m.parameters()))
    configured["optimizer"].step()
    configured["lr_scheduler"]["scheduler"].step()
    assert quantiles["lr"] == 0.5 and main["lr"] < 1e-3


def test_clipping_leaves_the_quantiles_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    m = module()
    m._trainer = SimpleNamespace(max_steps=100, global_step=0, precision="32-true", log_every_n_steps=20)  # type: ignore[assignment]
    monkeypatch.setattr(m, "log", lambda *_, **__: None)
    optimizer = m.configure_optimizers()["optimizer"]
    for parameter in m.parameters():
        parameter.grad = torch.full_like(parameter, 10.0)
    m.configure_gradient_clipping(optimizer, 1.0, None)
    main = torch.cat([p.grad.flatten() for p in optimizer.param_groups[0]["params"]])
    assert main.norm().item() == pytest.approx(1.0, rel=1e-4)
    assert (m.codec.entropy_bottleneck.quantiles.grad == 10).all()


def test_a_lagrangian_below_zero_is_refused() -> None:
    with pytest.raises(LicError, match="above 0"):
        module(lmbda=0.0)


def test_compressais_own_evaluation_takes_our_codecs() -> None:
    """`compressai.utils.eval_model` codes, decodes and estimates with any of its CompressionModels."""
    from compressai.utils.eval_model.__main__ import inference, inference_entropy_estimation

    codec = Hyperprior(8, 12).eval()
    assert isinstance(codec, CompressionModel)
    codec.update()
    x = torch.rand(3, 256, 192)
    with torch.inference_mode():
        coded, estimated = inference(codec, x), inference_entropy_estimation(codec, x)
    assert coded["psnr-rgb"] == pytest.approx(estimated["psnr-rgb"], abs=0.01) and coded["bpp"] > 0
