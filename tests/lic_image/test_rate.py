"""One network for many rates: gains of every codec, the files' operating points, searches."""

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from support import assert_files_are_the_forward_pass, compose, options, textured
from torch import nn

from common.capabilities import Adjustable
from common.coding.codec_files import to_input
from common.data.image_io import read_picture, write_picture
from common.entropy.container import unpack
from common.entropy.signs import Signs
from common.errors import LicError
from common.metrics.image import psnr_of_pictures
from lic_image.codecs.compressai_zoo import adopted
from lic_image.codecs.factorized import Factorized
from lic_image.codecs.mean_hyperprior import MeanHyperprior
from lic_image.codecs.swift import Swift
from lic_image.files import ImageFiles
from lic_image.module import ImageCodec
from lic_image.rate import Gains, with_gains

LMBDAS = "0.0035,0.013,0.0483"


def adjustable(kind: str = "vector", codec: type[Any] = MeanHyperprior) -> Any:
    """Its latents and scales are as after some training."""
    torch.manual_seed(0)
    made = codec(N=8, M=12, start="pyramid")
    made.start_from(to_input(textured(128, 128), 64), 0.013)
    return adopted(with_gains(made, LMBDAS, 0.013, kind))


def shaken_gains(codec: Any) -> Any:
    """As after some training, when no gain is 1."""
    torch.manual_seed(1)
    with torch.no_grad():
        for p in codec.rate_gains.parameters():
            p.add_(0.1 * torch.randn_like(p))
    return codec


def test_gains_are_interpolated_in_the_logarithm_of_lambda() -> None:
    gains = Gains([0.0025, 0.01, 0.04], 0.01, "step", [4])
    assert gains.setting.curve == (0, 500, 1000) and gains.setting.default == 500
    for quality, expected in ((0, 0.5), (500, 1.0), (1000, 2.0), (750, 2**0.5), (250, 2**-0.5)):
        with gains.at(quality):
            assert gains.of_y().item() == pytest.approx(expected, rel=1e-3)
            assert gains.of_y_hat().item() == pytest.approx(1 / expected, rel=1e-3)
        assert gains.lmbda_of(quality) == pytest.approx(0.01 * 4 ** ((quality - 500) / 500))
    assert gains.of_y().item() == 1  # outside again the default
    with pytest.raises(LicError, match="0 to 1000"), gains.at(1001):
        pass


def test_a_batch_has_a_lambda_for_each_picture() -> None:
    torch.manual_seed(0)
    gains = Gains([0.0025, 0.01, 0.04], 0.01, "vector", [4, 2])
    with gains.drawn(500, torch.device("cpu")) as lmbdas:
        assert lmbdas.min() >= 0.0025 and lmbdas.max() <= 0.04
        assert torch.allclose(gains.of_y()[:, 0, 0, 0], (lmbdas / 0.01).sqrt(), rtol=1e-4)
        assert lmbdas.log().mean().item() == pytest.approx(np.log(0.01), abs=0.01)
    for _ in range(20):  # each batch has the whole range
        with gains.drawn(2, torch.device("cpu")) as lmbdas:
            assert lmbdas.min() < 0.01 <= lmbdas.max()


@pytest.mark.parametrize("kind", ["vector", "step"])
@pytest.mark.parametrize("codec", [MeanHyperprior, Factorized])
def test_files_at_any_quality_are_the_forward_pass(kind: str, codec: type[Any]) -> None:
    made = shaken_gains(adjustable(kind, codec)).eval()
    x = torch.from_numpy(textured(256, 192)).permute(2, 0, 1)[None] / 255
    for quality in (0, 333, 1000):
        with made.at(quality):
            assert_files_are_the_forward_pass(
                made, x, within=0.1 if codec is MeanHyperprior else 1.0
            )  # untrained densities


# No g_a and g_s with a latent between; `enveloped` around one of ours has the inner codec's.
WITHOUT_LATENT = ("progressive", "enveloped", "near_lossless", "intra")
SYSTEMS = [
    *(f"image/{name}" for name in options("model/image") if not name.startswith("_") and name not in WITHOUT_LATENT),
    "image/enveloped inner=mean_hyperprior",
    "image/enveloped inner=mean_hyperprior model/image@inner_image=swift",
    "image/compressai/bmshj2018-factorized",
    "image/compressai/mbt2018-mean",
    "image/compressai/mbt2018",
    "image/compressai/cheng2020-anchor",
]


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_codec_takes_gains(system: str) -> None:
    """Trained a step with a λ for each picture, it codes files at two rates, and all gains have learned."""
    cfg = compose(*f"model={system}".split(), "size=tiny", "rate=gains", f"lmbdas='{LMBDAS}'", "lmbda=0.013")
    torch.manual_seed(0)
    module: ImageCodec = instantiate(cfg.model, _convert_="object")
    codec: Any = module.codec
    assert isinstance(codec, Adjustable)
    with torch.no_grad():  # layers that start at zero pass no gradient on
        for p in codec.parameters():
            p.add_(0.01 * torch.randn_like(p))
    side = 2 * codec.downsampling
    x = torch.from_numpy(textured(side, side)).permute(2, 0, 1)[None].expand(3, -1, -1, -1) / 255
    module.train().losses({"image": x})["loss"].backward()
    for name, p in codec.rate_gains.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all() and p.grad.abs().sum() > 0, name
    codec.eval()
    files = ImageFiles(codec, system)
    rgb = textured(side - 3, side - 9)
    for quality in (0, 1000):
        data = files.encode(rgb, setting=quality)
        assert unpack(data).header.setting == quality
        with files.at(quality), torch.inference_mode():
            assert files.decode(data).rgb.shape == rgb.shape


def test_a_file_says_its_quality_and_more_is_more(tmp_path: Path) -> None:
    files = ImageFiles(shaken_gains(adjustable()), "x")
    rgb = textured(100, 80)
    write_picture(tmp_path / "a.png", rgb)
    sizes = []
    for quality in (0, 37.5, 100):
        files.compress_file(tmp_path / "a.png", tmp_path / "a.lic", quality=quality)
        data = (tmp_path / "a.lic").read_bytes()
        assert unpack(data).header.setting == round(10 * quality)
        assert files.operating_point(tmp_path / "a.lic") == f"  typed    --quality {quality:g}"
        files.decompress_file(tmp_path / "a.lic", tmp_path / "b.png")
        assert (read_picture(tmp_path / "b.png").rgb == files.decode(data).rgb).all()
        sizes.append(len(data))
    assert sizes == sorted(sizes) and sizes[0] < sizes[2]


def test_a_file_of_one_rate_has_no_operating_point(tmp_path: Path) -> None:
    files = ImageFiles(adopted(MeanHyperprior(N=8, M=12)), "x")
    write_picture(tmp_path / "a.png", textured(64, 64))
    files.compress_file(tmp_path / "a.png", tmp_path / "a.lic")
    with pytest.raises(LicError, match="leave --checkpoint out"):
        files.operating_point(tmp_path / "a.lic")


def test_targets_are_searched_on_real_files(tmp_path: Path) -> None:
    codec = Swift(M=24, N=8, Z=4, blocks=1)  # starts as JPEG: more bits, more dB
    rgb = textured(100, 80)
    codec.start_from(to_input(rgb, 64), 0.013)
    files = ImageFiles(adopted(with_gains(codec, LMBDAS, 0.013, "step")), "x")
    write_picture(tmp_path / "a.png", rgb)
    sizes = [len(files.encode(rgb, setting=q)) for q in (0, 500, 1000)]
    for target in (sizes[0], sizes[1], (sizes[0] + sizes[1]) // 2):
        said = files.compress_file(tmp_path / "a.png", tmp_path / "a.lic", target_bpp=8 * target / rgb[..., 0].size)
        data = (tmp_path / "a.lic").read_bytes()
        setting = unpack(data).header.setting
        assert setting is not None and len(data) <= target and f"quality {setting / 10:g}" in said[-1]
        if setting < 1000:
            assert len(files.encode(rgb, setting=setting + 1)) > target
    for quality in (0, 700):
        least = psnr_of_pictures(rgb, files.decode(files.encode(rgb, setting=quality)).rgb)
        files.compress_file(tmp_path / "a.png", tmp_path / "a.lic", target_psnr=least)
        assert psnr_of_pictures(rgb, files.decode((tmp_path / "a.lic").read_bytes()).rgb) >= least
    before = (tmp_path / "a.lic").read_bytes()
    refused = [{"target_bpp": 0.001}, {"target_psnr": 80}, {"quality": 101}, {"quality": 0.05}, {"max_error": 1}]
    refused += [{"quality": math.nan}, {"quality": math.inf}, {"target_bpp": math.nan}, {"target_psnr": -1}]
    for wrong in refused:
        with pytest.raises(LicError, match=r"--(target|quality|max-error)"):
            files.compress_file(tmp_path / "a.png", tmp_path / "a.lic", **wrong)
    with pytest.raises(LicError, match="one of --quality and --target-bpp"):
        files.compress_file(tmp_path / "a.png", tmp_path / "a.lic", quality=1, target_bpp=1)
    assert (tmp_path / "a.lic").read_bytes() == before


def test_a_copy_has_gains_of_its_own() -> None:
    """Averaged weights are a copy of the module."""
    codec = adjustable()
    twin = copy.deepcopy(codec).eval()
    with torch.no_grad():
        twin.rate_gains.log_y.add_(5)
    x = torch.rand(1, 3, 64, 64)
    with torch.inference_mode(), twin.at(0):
        y = twin.g_a(x)
        with codec.at(0):
            assert torch.allclose(y, codec.eval().g_a(x) * np.exp(5), rtol=1e-4)


def test_lambdas_that_share_a_quality_are_one_point_of_the_curve() -> None:
    codec = with_gains(Factorized(N=4, M=4), "0.01,0.010001,0.1", 0.01, "vector")
    assert codec.setting.curve == (0, 1000)


def test_wrong_lambdas() -> None:
    for lmbdas in ("0.01", "a,b", 0.01, None, "0.01,inf"):
        with pytest.raises(LicError, match="two numbers"):
            with_gains(Factorized(N=4, M=4), lmbdas, 0.01, "vector")  # type: ignore[arg-type]
    with pytest.raises(LicError, match="must lie"):
        with_gains(Factorized(N=4, M=4), LMBDAS, 0.1, "vector")
    with pytest.raises(LicError, match="vector or step"):
        with_gains(Factorized(N=4, M=4), LMBDAS, 0.013, "scalar")
    with pytest.raises(LicError, match="no modules"):
        with_gains(nn.Linear(1, 1), LMBDAS, 0.013, "vector")  # type: ignore[arg-type]


def test_signs_are_refused() -> None:
    """No factor changes a sign, and none is zero: gains and importance maps would do nothing, or harm."""
    for kind, said in (("vector", "rate=gains"), ("step", "rate=step")):
        with pytest.raises(LicError, match=f"{said} is not for quantiser=binary"):
            with_gains(Factorized(N=4, M=4, latent=Signs), LMBDAS, 0.013, kind)


def test_exact_pixels() -> None:
    files = ImageFiles(shaken_gains(adjustable()), "x")
    data = files.encode(textured(64, 64), setting=800)
    plain, exact = files.decode(data).rgb.astype(int), files.decode(data, exact=True).rgb.astype(int)
    assert np.abs(plain - exact).max() <= 1
