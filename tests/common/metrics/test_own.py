"""Measures of one's own: what they are called with, and what they may be."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
import torchmetrics
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf
from pytorch_msssim import ssim
from torch import Tensor

import conf
from common.errors import LicError
from common.metrics import perceptual
from common.metrics.own import OwnMetric, checked, described, means, measured
from common.metrics.video import frame_qualities

LEAST_SIDES = {"ssim": 11, "vif": 41, "vmaf": 33, "ssimulacra2": 8, "psnr_hvs_m": 8, "lpips": 32, "dists": 32}  # pixels
RNG = np.random.default_rng(0)
RGB, DECODED = (RNG.integers(0, 256, (48, 64, 3), dtype=np.uint8) for _ in range(2))


def bias(x_hat: Tensor, x: Tensor) -> Tensor:
    assert x.shape == (1, 3, 48, 64) and x.dtype == torch.float32 and x.max() <= 1
    return 255 * (x_hat - x).mean()


def test_functions_and_torchmetrics_see_decoded_and_original() -> None:
    metrics = checked({"bias": bias, "mae": OwnMetric(torchmetrics.MeanAbsoluteError(), unit="of 1")})
    found = measured(metrics, RGB, DECODED)
    error = DECODED.astype(float) - RGB
    assert found["bias"] == pytest.approx(error.mean(), abs=1e-3)
    assert found["mae"] == pytest.approx(np.abs(error).mean() / 255, abs=1e-6)
    assert measured(metrics, RGB, RGB) == {"bias": 0.0, "mae": 0.0}  # nothing is left of the picture before
    said = described(metrics)["metrics"]
    assert said["mae"]["higher_is_better"] is False and said["mae"]["unit"] == "of 1"  # as torchmetrics says
    assert said["bias"]["title"] == "bias" and said["bias"]["higher_is_better"] is True
    (frame,) = frame_qualities([RGB], [DECODED], Fraction(25), metrics)
    assert frame.own == found


def test_what_is_no_number_is_no_figure() -> None:
    metrics = checked({"inf": lambda *_: torch.tensor(torch.inf), "one": lambda *_: 1})
    assert measured(metrics, RGB, DECODED) == {"inf": None, "one": 1.0}
    assert means(metrics, [{"inf": 1.0, "one": 1.0}, {"inf": None, "one": 2.0}]) == {"inf": None, "one": 1.5}
    with pytest.raises(LicError, match=r"the metric whole gives values of shape \(1, 3, 48, 64\)"):
        measured(checked({"whole": lambda x_hat, x: x_hat}), RGB, DECODED)
    for name in ("bpp", "bpp_motion", "a b"):
        with pytest.raises(LicError, match="cannot be called"):
            checked({name: bias})


@pytest.mark.parametrize("name", ["ssim", "vif"])
def test_packaged_metrics_are_the_libraries_own(name: str) -> None:
    metric = instantiate(OmegaConf.load(f"{conf.__path__[0]}/metric/{name}.yaml"))
    x, x_hat = (torch.tensor(p).permute(2, 0, 1)[None].double() for p in (RGB, DECODED))
    near = (0.9 * x + 0.1 * x_hat).round()
    theirs = {
        "ssim": lambda: ssim(near, x, data_range=255),
        "vif": lambda: torchmetrics.functional.image.visual_information_fidelity(near, x),
    }[name]()
    value = measured(checked({name: metric}), RGB, near[0].permute(1, 2, 0).numpy().astype(np.uint8))[name]
    assert value == pytest.approx(theirs.item(), rel=1e-3) and 0.3 < theirs.item() < 1


@pytest.mark.filterwarnings("error:Skipping Gaussian")  # pytorch_msssim without its window
@pytest.mark.parametrize("file", sorted(Path(conf.__path__[0]).glob("metric/*.yaml")), ids=lambda file: file.stem)
def test_packaged_metrics_have_a_figure_from_their_least_side_on(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perceptual, "check", lambda *_: None)
    weights = {"of": {"weights": "none"}} if file.stem in ("lpips", "dists") else {}
    try:
        made = instantiate(OmegaConf.load(file), **weights)
    except InstantiationException as error:
        pytest.skip(str(error))  # the extra anchors is not installed
    least = LEAST_SIDES.get(file.stem, 1)
    change = np.array([64, 32, 96], np.uint8)  # luma and both chroma planes
    sizes = [(1, 1), (17, 3), (30, 30), (200, 200), (least, least), (least, 64), (least - 1, 64), (64, least - 1)]
    for height, width in sizes[: 3 if weights else None]:
        if min(height, width) > 0:
            x = RNG.integers(0, 128, (height, width, 3), dtype=np.uint8)
            metrics = checked({"it": made} if isinstance(made, OwnMetric) else made)
            for value in measured(metrics, x, x + change).values():
                assert (value is None) == (min(height, width) < least), (height, width)


def test_a_measure_may_have_no_figure() -> None:
    assert measured(checked({"none": lambda *_: None}), RGB, DECODED) == {"none": None}
