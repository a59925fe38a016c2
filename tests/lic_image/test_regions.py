"""Regions of interest: files beside photographs, saliency, importance maps, `lic compress --roi`."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from support import assert_files_are_the_forward_pass, compose, textured

from common.coding.codec_files import to_input
from common.data.folders import find_pictures, resized
from common.data.image_io import write_picture
from common.data.regions import read_region, salient, typed
from common.entropy.signs import Signs
from common.errors import LicError
from common.metrics.regions import psnr_in, psnr_inside_and_outside
from lic_image.codecs.compressai_zoo import adopted
from lic_image.codecs.factorized import Factorized
from lic_image.codecs.mean_hyperprior import MeanHyperprior
from lic_image.data import Photographs
from lic_image.distortions.pixels import MSE
from lic_image.distortions.roi import ROI
from lic_image.evaluate import ImageProtocol
from lic_image.files import ImageFiles
from lic_image.importance import ImportanceMap, with_importance
from lic_image.watch import watching

LMBDA = 0.013


def masked(made: Any = None) -> Any:
    torch.manual_seed(0)
    made = MeanHyperprior(N=16, M=24, start="pyramid") if made is None else made
    made.start_from(to_input(textured(128, 128), 64), LMBDA)
    return adopted(with_importance(made, 8, 4))


def half(height: int, width: int) -> np.ndarray:
    """The left half is inside."""
    region = np.zeros((height, width), np.uint8)
    region[:, : width // 2] = 255
    return region


def write(folder: Path, name: str, rgb: np.ndarray, region: np.ndarray | None = None) -> Path:
    write_picture(folder / f"{name}.png", rgb)
    if region is not None:
        write_picture(folder / f"{name}.roi.png", np.dstack([region] * 3), grey=True)
    return folder / f"{name}.png"


def test_weights_of_the_squared_error() -> None:
    x = torch.zeros(2, 3, 4, 8)
    x_hat = x.clone()
    x_hat[..., 0] = 2 / 255  # an error in the first column of eight
    roi = torch.zeros(2, 1, 4, 8)
    roi[0, ..., :4] = 1
    found = ROI(outside=0.25)(x_hat, x, {"roi": roi})
    assert found.tolist() == pytest.approx([4 / 8, 0.25 * 4 / 8])
    assert torch.allclose(ROI(outside=1)(x_hat, x, {"roi": roi}), MSE()(x_hat, x, {}))
    with pytest.raises(LicError, match=r"data\.roi"):
        ROI()(x_hat, x, {})
    with pytest.raises(LicError, match="0 to 1"):
        ROI(outside=2)


def test_psnr_inside_and_outside() -> None:
    rgb = np.full((6, 8, 3), 100, np.uint8)
    decoded = rgb.copy()
    decoded[:, :4] += 1
    decoded[:, 4:] += 10
    inside, outside = psnr_inside_and_outside(rgb, decoded, half(6, 8))
    assert inside == pytest.approx(48.1308, abs=1e-3) and outside == pytest.approx(28.1308, abs=1e-3)
    assert psnr_in(rgb, rgb, np.ones((6, 8))) == np.inf and np.isnan(psnr_in(rgb, decoded, np.zeros((6, 8))))


def test_what_stands_out_is_salient() -> None:
    rgb = np.full((120, 160, 3), 90, np.uint8)
    rgb += np.random.default_rng(0).integers(0, 8, rgb.shape, dtype=np.uint8)
    rgb[50:70, 100:120] = [250, 40, 40]
    found = salient(rgb)
    assert found.shape == (120, 160) and found.dtype == np.uint8
    assert found[45:75, 95:125].mean() > 4 * np.delete(found.ravel(), 0).mean()


def test_regions_as_people_type_them(tmp_path: Path) -> None:
    rgb = textured(40, 60)
    found = typed(["2,3,10,5", "50,30,100,100"], rgb)
    expected = np.zeros((40, 60), np.uint8)
    expected[3:8, 2:12] = expected[30:, 50:] = 255
    assert (found == expected).all()
    write_picture(tmp_path / "m.png", np.dstack([half(40, 60)] * 3))
    assert (typed([str(tmp_path / "m.png")], rgb) == half(40, 60)).all()
    assert (typed(["saliency"], rgb) == salient(rgb)).all()
    write_picture(tmp_path / "small.png", np.zeros((3, 3, 3), np.uint8))
    write_picture(tmp_path / "black.png", np.zeros((40, 60, 3), np.uint8))
    for wrong, said in (
        ("60,0,5,5", "no pixel"),
        ("1,2,0,4", "no pixel"),
        ("face", "not face"),
        (str(tmp_path / "no.png"), "there is no"),
        (str(tmp_path / "small.png"), "3x3 pixels"),
        (str(tmp_path / "black.png"), "nothing inside"),
    ):
        with pytest.raises(LicError, match=said):
            typed([wrong], rgb)


def test_a_region_is_no_photograph_and_is_cut_flipped_and_resized_with_its_own(tmp_path: Path) -> None:
    """The mask is white where red is above 127, so that each crop shows whether they belong together."""
    rgb = textured(150, 180)
    region = np.where(rgb[..., 0] > 127, 255, 0).astype(np.uint8)
    photo = write(tmp_path, "a", rgb, region)
    write(tmp_path, "only.roi", rgb)
    assert [path.name for path in find_pictures([tmp_path])] == ["a.png", "only.roi.png"]
    (tmp_path / "only.roi.png").unlink()
    data = Photographs(str(tmp_path), str(tmp_path), "x", crop=64, batch_size=4, roi="sidecar", val_limit=1)
    data.setup("fit")
    for n in range(4):
        sample = data.train_set[n]
        assert ((sample["image"][0] > 127) == (sample["roi"][0] > 127)).all()
    watched = data.val_set[0]  # type: ignore[index]
    assert ((watched["image"][0] > 127) == (watched["roi"][0] > 127)).all()
    batch = {"image": torch.stack([data.train_set[n]["image"] for n in range(8)])}
    batch |= {"roi": torch.stack([data.train_set[n]["roi"] for n in range(8)]), "index": torch.arange(8)}
    given = data.on_after_batch_transfer(data.on_before_batch_transfer(batch, 0), 0)
    assert ((given["image"][:, 0] > 0.5) == (given["roi"][:, 0] > 0.5)).all() and given["roi"].max() == 1
    assert (data.region(photo, rgb) == region).all()  # type: ignore[operator]
    four = resized(np.dstack([rgb, region]), 50)
    assert (four[..., :3] == resized(rgb, 50)).all()
    with pytest.raises(LicError, match="has 180x150 pixels"):
        read_region(tmp_path / "a.roi.png", (10, 10))
    with pytest.raises(LicError, match="sidecar, saliency or null"):
        Photographs(str(tmp_path), None, "x", crop=64, batch_size=1, roi="mask")
    (tmp_path / "a.roi.png").unlink()
    with pytest.raises(LicError, match=r"there is no .*a\.roi\.png"):
        data.region(photo, rgb)
    with pytest.raises(LicError, match="1 of 1 photographs have no region"):  # at once, not photograph by photograph
        Photographs(str(tmp_path), str(tmp_path), "x", crop=64, batch_size=4, roi="sidecar").setup("fit")


def test_a_training_step_by_saliency() -> None:
    cfg = compose("model=image/swift", "size=tiny", "distortion=roi", "data=image/samples", "data.roi=saliency")
    data: Any = instantiate(cfg.data)
    batch = data.on_after_batch_transfer({"image": torch.from_numpy(textured(192, 192)).permute(2, 0, 1)[None]}, 0)
    assert batch["roi"].shape == (1, 1, 192, 192)
    loss = instantiate(cfg.model, _convert_="object").train().losses(batch)["loss"]
    assert loss.isfinite()


def test_channels_are_kept_by_importance() -> None:
    """p = 0.7 of four groups of two channels: 2.8 groups, rounded to three, six channels."""
    block = ImportanceMap(M=8, groups=4, width=2)
    assert block(torch.ones(1, 8, 2, 3)).sum() == 8 * 6  # at the start all
    torch.nn.init.constant_(block.layers[-1].bias, float(np.log(0.7 / 0.3)))
    y = torch.ones(1, 8, 2, 3)
    assert block(y).sum((2, 3)).tolist() == [[6.0] * 6 + [0.0] * 2]
    with block.focused(torch.tensor([[[[1.0, 1.0, 0.3], [1.0, 1.0, 0.3]]]])):  # 0.21 · 4 = 0.84: one group
        assert block(y)[0, :, 0].sum(0).tolist() == [6.0, 6.0, 2.0]
    y.requires_grad_()
    block(y).sum().backward()
    assert block.layers[-1].bias.grad.abs() > 0  # type: ignore[union-attr]


def test_a_channel_that_is_just_left_out_is_asked_for_by_its_loss() -> None:
    """K·p = 0.3 of one group: y = 2 is left out, and the squared error falls by -2·y² for each unit of its mask."""
    block = ImportanceMap(M=1, groups=1, width=2)
    torch.nn.init.constant_(block.layers[-1].bias, float(np.log(0.3 / 0.7)))
    y = torch.full((1, 1, 1, 1), 2.0)
    lost = (block(y) - y).square().sum()
    lost.backward()
    assert lost.item() == 4
    # d lost / d m = 2 (0 - y) y = -8, d p / d bias = p (1 - p)
    assert block.layers[-1].bias.grad.item() == pytest.approx(-8 * 0.3 * 0.7)  # type: ignore[union-attr, operator]


def test_training_with_a_map_does_not_end_at_grey() -> None:
    """Rounded up, it has 25 dB after these steps, and on photographs it was 13."""
    torch.manual_seed(0)
    cfg = compose("model=image/swift", "size=tiny", "importance=map", "lmbda=0.013")
    module = instantiate(cfg.model, _convert_="object").train()
    x = torch.from_numpy(textured(64, 64)).permute(2, 0, 1)[None] / 255
    module.codec.start_from(x, 0.013)
    optimizer = torch.optim.Adam(module.codec.parameters(), lr=4e-3)
    for _ in range(100):
        optimizer.zero_grad()
        losses = module.losses({"image": x})
        losses["loss"].backward()
        optimizer.step()
    assert losses["psnr"] > 28


@pytest.mark.parametrize("codec", [MeanHyperprior, Factorized])
def test_files_with_an_importance_map(codec: Any) -> None:
    made = masked(codec(N=16, M=24, start="pyramid")).eval()
    with torch.no_grad():
        torch.nn.init.normal_(made.importance.layers[-1].weight, std=3)
    x = to_input(textured(256, 192), 64)
    with watching(made) as seen:
        assert_files_are_the_forward_pass(made, x, within=0.1 if codec is MeanHyperprior else 1.0)
    assert seen.maps["importance"]["importance"].shape == (1, 16, 12)


@pytest.mark.parametrize("system", ["image/swift", "image/interleaved", "image/compressai/mbt2018"])
def test_any_codec_takes_a_map_and_gains_beside_it(system: str) -> None:
    cfg = compose(f"model={system}", "size=tiny", "importance=map", "rate=gains", "lmbda=0.013")
    module = instantiate(cfg.model, _convert_="object")
    side = module.codec.downsampling
    x = torch.from_numpy(textured(side, side)).permute(2, 0, 1)[None] / 255
    module.train().losses({"image": x})["loss"].backward()
    assert module.codec.importance.layers[-1].bias.grad.abs() > 0
    rgb = textured(side - 5, side)
    files = ImageFiles(module.codec, system)
    assert files.decode(files.encode(rgb, setting=0)).rgb.shape == rgb.shape


def test_what_cannot_be_a_map() -> None:
    for wrong in ({"groups": 0, "width": 4}, {"groups": 8, "width": 0}):
        with pytest.raises(LicError, match="must be a whole number from 1 on"):
            with_importance(Factorized(N=8, M=12), **wrong)
    with pytest.raises(LicError, match="importance=map is not for quantiser=binary"):
        with_importance(Factorized(N=8, M=12, latent=Signs), 8, 4)
    keeps_all = ImportanceMap(54, 27, 4).mask(torch.randn(1, 54, 2, 2))
    assert keeps_all.eq(1).all(), "training begins with all channels"


def test_compress_with_a_region(tmp_path: Path) -> None:
    """By the importance map: fewer bits, lost outside; by refining: the error moves outside."""
    rgb = textured(128, 192, seed=2)
    photo = write(tmp_path, "a", rgb)
    files = ImageFiles(masked(), "x")
    plain = files.encode(rgb)
    said = files.compress_file(photo, tmp_path / "a.lic", roi=["0,0,96,128"], outside=0.2)
    data = (tmp_path / "a.lic").read_bytes()
    assert "inside" in said[-1] and len(data) < len(plain) and files.encode(rgb) == plain
    before = psnr_inside_and_outside(rgb, files.decode(plain).rgb, half(128, 192))
    after = psnr_inside_and_outside(rgb, files.decode(data).rgb, half(128, 192))
    assert after[0] > before[0] - 1 and after[1] < before[1] - 1

    torch.manual_seed(0)
    codec = MeanHyperprior(N=16, M=24, start="pyramid")
    codec.start_from(to_input(textured(128, 128), 64), LMBDA)
    other = ImageFiles(adopted(codec), "x")
    other.run = OmegaConf.create({"lmbda": LMBDA, "model": {"distortion": "mse"}})
    before = psnr_inside_and_outside(rgb, other.decode(other.encode(rgb)).rgb, half(128, 192))
    other.compress_file(photo, tmp_path / "b.lic", roi=["0,0,96,128"], refine=80)
    after = psnr_inside_and_outside(rgb, other.decode((tmp_path / "b.lic").read_bytes()).rgb, half(128, 192))
    assert after[0] - after[1] > before[0] - before[1] + 0.1
    with pytest.raises(LicError, match="importance=map"):
        other.compress_file(photo, tmp_path / "b.lic", roi=["0,0,96,128"])
    with pytest.raises(LicError, match="--outside is what counts"):
        files.compress_file(photo, tmp_path / "b.lic", roi=["0,0,96,128"], outside=7)
    with pytest.raises(LicError, match="give the region"):
        files.compress_file(photo, tmp_path / "b.lic", outside=0.5)


def test_an_evaluation_measures_inside_and_outside(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    rgb = textured(64, 64)
    write(tmp_path / "photos", "a", rgb, half(64, 64))
    data = Photographs(None, str(tmp_path / "photos"), "x", crop=64, batch_size=1, roi="sidecar")
    found = ImageProtocol(distortion=ROI(0.5))(masked(), "x", data, tmp_path)
    (record,) = found.details["images"]
    assert found.points[0]["psnr_inside"] == record["psnr_inside"] and record["distortion"] > 0
    assert found.details["metrics"]["psnr_outside"]["unit"] == "dB"
    assert (tmp_path / "attention" / "a.png").exists()
