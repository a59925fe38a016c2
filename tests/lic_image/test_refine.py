"""`lic compress --refine`: a better latent for one photograph."""

from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from support import textured

from common.coding.codec_files import to_input
from common.data.image_io import write_picture
from common.entropy.quantisers import Annealed
from common.errors import LicError
from lic_image.codecs.compressai_zoo import adopted
from lic_image.codecs.enveloped import Enveloped
from lic_image.codecs.mean_hyperprior import MeanHyperprior
from lic_image.codecs.swift import Swift
from lic_image.distortions.pixels import MSE
from lic_image.envelope.post import Restore
from lic_image.files import ImageFiles
from lic_image.latents import analysed, latent
from lic_image.rate import with_gains
from lic_image.refine import refined
from lic_image.refined_files import refined_file

LMBDA = 0.013


def started(codec: Any) -> Any:
    codec.start_from(to_input(textured(128, 128), 64), LMBDA)
    return adopted(codec)


def mean_hyperprior() -> Any:
    torch.manual_seed(0)
    return started(MeanHyperprior(N=16, M=24, start="pyramid"))


def swift_with_gains() -> Any:
    torch.manual_seed(0)
    return adopted(with_gains(started(Swift(M=24, N=8, Z=4, blocks=1)), "0.0035,0.0483", LMBDA, "vector"))


def test_annealing_ends_at_the_nearer_value() -> None:
    torch.manual_seed(0)
    y = torch.tensor([[0.2, 1.9, -3.4, 5.0]]).expand(2000, 4)
    quantiser = Annealed()
    soft = quantiser(y)[1]
    assert ((soft >= y.floor()) & (soft <= y.floor() + 1)).all()
    assert soft.mean(0).tolist() == pytest.approx([0.25, 1.9, -3.4, 5.0], abs=0.15)
    quantiser.at(1.0)
    near = (quantiser(y)[1] - y.round()).abs() < 0.05
    assert quantiser.tau == pytest.approx(0.2725, abs=1e-3) and near[:, [0, 1, 3]].float().mean() > 0.9
    around = (quantiser(y, torch.full_like(y, 0.3))[1] - 0.3).round()
    assert around[:, 3].unique().tolist() == [4.0, 5.0]  # 4.7 beyond the mean


def within_enveloped() -> Any:
    torch.manual_seed(0)
    codec = Enveloped(MeanHyperprior(N=16, M=24, start="pyramid"), post=Restore(N=4, blocks=1, knows_quality=False))
    return started(codec)


@pytest.mark.parametrize("make", [mean_hyperprior, swift_with_gains, within_enveloped])
def test_the_file_costs_less_and_the_codec_is_as_it_was(make: Any, tmp_path: Path) -> None:
    files = ImageFiles(make(), "x")
    before = {name: p.clone() for name, p in files.codec.state_dict().items()}
    rgb = textured(128, 120, seed=3)
    plain = files.encode(rgb)
    write_picture(tmp_path / "a.png", rgb)
    files.run = OmegaConf.create({"lmbda": LMBDA, "model": {"distortion": "mse"}})
    said = files.compress_file(tmp_path / "a.png", tmp_path / "a.lic", refine=60)
    data = (tmp_path / "a.lic").read_bytes()
    assert "refined by 60 steps" in said[-1] and data != plain
    assert _cost(files, rgb, data) < _cost(files, rgb, plain)
    assert files.encode(rgb) == plain and not files.codec.training
    assert all(torch.equal(p, before[name]) for name, p in files.codec.state_dict().items())
    assert all(p.grad is None for p in files.codec.parameters())


def _cost(files: ImageFiles, rgb: Any, data: bytes) -> float:
    x, x_hat = (to_input(p, 1) for p in (rgb, files.decode(data).rgb))
    return 8 * len(data) / (rgb.shape[0] * rgb.shape[1]) + LMBDA * MSE()(x_hat, x, {}).item()


def test_a_latent_in_the_place_of_the_codec_s_own() -> None:
    codec = mean_hyperprior().eval()
    x = to_input(textured(64, 64), 64)
    with torch.no_grad():
        y = analysed(codec, x)
        assert torch.equal(y, codec.g_a(x))
        with latent(codec, torch.zeros_like(y)):
            assert (codec.g_a(x) == 0).all()
        assert torch.equal(y, codec.g_a(x))


def test_the_same_command_gives_the_same_latent_and_leaves_other_random_numbers_alone() -> None:
    codec = mean_hyperprior().eval()
    x = to_input(textured(64, 64), 64)
    torch.manual_seed(5)
    first = refined(codec, x, LMBDA, MSE(), 3)
    drawn = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), drawn)
    assert torch.equal(first, refined(codec, x, LMBDA, MSE(), 3))


def test_without_lambda(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", textured(64, 64))
    with pytest.raises(LicError, match="--refine needs to know λ"):
        ImageFiles(mean_hyperprior(), "x").compress_file(tmp_path / "a.png", tmp_path / "a.lic", refine=1)
    assert not (tmp_path / "a.lic").exists()


@pytest.mark.parametrize("name", ["ms_ssim", "mse"])
def test_a_picture_that_is_too_small_for_the_distortion_stays_as_it_is(name: str) -> None:
    """MS-SSIM is not defined below 161 pixels: refining by it would save bits and ruin the picture."""
    files = ImageFiles(mean_hyperprior(), "x")
    files.run = OmegaConf.create({"lmbda": 16.64 if name == "ms_ssim" else LMBDA, "model": {"distortion": name}})
    rgb = textured(100, 170)
    plain = files.encode(rgb)
    data, said = refined_file(files, rgb, False, plain, 2)
    assert (data == plain and "not refined: (1 - MS-SSIM) needs 161 pixels" in said) or name == "mse"
    assert ("not refined" in said) == (name == "ms_ssim")


def test_a_codec_trained_by_regions_asks_for_one() -> None:
    files = ImageFiles(mean_hyperprior(), "x")
    distortion = {"_target_": "lic_image.distortions.roi.ROI"}
    files.run = OmegaConf.create({"lmbda": LMBDA, "model": {"distortion": distortion}})
    with pytest.raises(LicError, match="--refine needs --roi for 'x'"):
        refined_file(files, rgb := textured(64, 64), False, files.encode(rgb), 1)
