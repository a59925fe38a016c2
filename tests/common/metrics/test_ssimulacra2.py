import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from common.metrics.own import OwnMetric, checked, measured

ssimulacra2 = pytest.importorskip("ssimulacra2")


def pictures() -> list[np.ndarray]:
    grain = gaussian_filter(np.random.default_rng(0).normal(size=(72, 96, 3)), (2, 2, 0))
    rgb = np.clip(128 + 50 * grain / grain.std(), 0, 255)
    noise = np.random.default_rng(1).normal(size=rgb.shape)
    return [np.clip(rgb + sigma * noise, 0, 255).astype(np.uint8) for sigma in (0, 4, 16)]


def test_it_is_the_packages_figure_of_files(tmp_path) -> None:  # type: ignore[no-untyped-def]
    from common.metrics.ssimulacra2 import Ssimulacra2

    original, near, far = pictures()
    for name, rgb in (("x", original), ("near", near)):
        Image.fromarray(rgb).save(tmp_path / f"{name}.png")
    metrics = checked({"ssimulacra2": OwnMetric(Ssimulacra2())})
    found = [measured(metrics, original, decoded)["ssimulacra2"] for decoded in (original, near, far)]
    assert found[1] == ssimulacra2.compute_ssimulacra2(tmp_path / "x.png", tmp_path / "near.png")
    assert found[0] == pytest.approx(100) and found[0] > found[1] > found[2]  # type: ignore[operator]
    assert metrics["ssimulacra2"].said()["arguments"]["version"]
    assert torch.is_grad_enabled()
