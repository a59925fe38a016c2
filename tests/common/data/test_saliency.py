"""The spectral residual: what stands out, and that its work is bounded whatever a picture's shape."""

import pytest
import torch
from torch import Tensor

from common.data.saliency import LONGEST, spectral_residual


def test_a_spot_on_stripes_stands_out() -> None:
    rows = torch.sin(torch.arange(96.0))[:, None].expand(96, 128) / 4 + 0.5
    x = rows.repeat(1, 3, 1, 1).clone()
    x[..., 40:52, 70:82] = 1
    found = spectral_residual(x)
    assert found.shape == (1, 1, 96, 128) and found.min() >= 0 and found.max() <= 1
    assert found[..., 36:56, 66:86].mean() > 3 * found.mean()


@pytest.mark.parametrize(
    ("size", "worked_on"),
    [
        ((512, 768), (64, 96)),
        ((1365, 2048), (64, 96)),
        ((64, 64), (64, 64)),
        ((30, 47), (30, 47)),
        ((1, 1), (8, 8)),
        ((1, 65535), (8, LONGEST)),
        ((65535, 2), (LONGEST, 8)),
        ((100, 10_000), (10, LONGEST)),
    ],
)
def test_pictures_are_not_enlarged_and_strips_are_bounded(
    size: tuple[int, int], worked_on: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, ...]] = []
    transform = torch.fft.fft2

    def seeing(picture: Tensor) -> Tensor:
        seen.append(tuple(picture.shape[-2:]))
        assert picture.numel() <= 64 * LONGEST
        return transform(picture)

    monkeypatch.setattr(torch.fft, "fft2", seeing)
    found = spectral_residual(torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0)))
    assert seen == [worked_on]
    assert found.shape == (1, 1, *size) and bool(found.isfinite().all())
