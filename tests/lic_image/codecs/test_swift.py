"""swift: starts as a transform codec at the rate that λ asks for, and learns."""

import math
from typing import Any

import pytest
import torch
from support import textured

from common.errors import LicError, StreamError
from lic_image.codecs.swift import Swift


def picture(size: int = 64, count: int = 2) -> torch.Tensor:
    crops = [torch.from_numpy(textured(size, size, seed)).permute(2, 0, 1).float() / 255 for seed in range(count)]
    return torch.stack(crops)


STARTS = [None, "klt", "wavelet"]


@pytest.mark.parametrize("start", STARTS)
def test_with_all_coefficients_the_transforms_are_inverse(start: Any) -> None:
    codec = Swift(M=192, start=start)
    x = picture()
    codec.start_from(x, 0.013)
    assert torch.allclose(codec.g_s(codec.g_a(x)), x, atol=1e-5)


def test_the_klt_keeps_more_energy_than_the_dct() -> None:
    x = picture()
    energy = {}
    for start in STARTS[:2]:
        codec = Swift(M=24, start=start)  # type: ignore[arg-type]
        codec.start_from(x, 0.013)
        energy[start] = codec.coefficients(x).square().sum().item()
    assert energy["klt"] > energy[None]


def test_no_such_start_is_one_sentence() -> None:
    with pytest.raises(LicError, match="klt or wavelet, not pyramid"):
        Swift(M=24, start="pyramid")  # type: ignore[arg-type]


@pytest.mark.parametrize("lmbda", [0.0018, 0.013, 0.18])
def test_starts_at_the_step_size_that_is_optimal_at_high_rate(lmbda: float) -> None:
    codec = Swift(M=48)
    codec.start_from(picture(), lmbda)
    step = codec.deviation / codec.log_gain.exp()
    assert torch.allclose(step, torch.full_like(step, math.sqrt(18 / (lmbda * 255**2 * math.log(2)))))


def test_moves_to_another_operating_point() -> None:
    moved, started = Swift(M=48), Swift(M=48)
    moved.start_from(picture(), 0.01)
    moved.move(4.0)
    started.start_from(picture(), 0.04)
    assert torch.allclose(moved.g_a(picture()), started.g_a(picture()), rtol=1e-5)
    assert torch.allclose(moved.g_s(moved.g_a(picture())), started.g_s(started.g_a(picture())), atol=1e-5)


def test_learns_a_few_crops() -> None:
    torch.manual_seed(0)
    codec = Swift(M=48, N=16, Z=4, blocks=1)
    x = picture(64, 4)
    codec.start_from(x, 0.05)
    optimizer = torch.optim.Adam([p for n, p in codec.named_parameters() if not n.endswith("quantiles")], lr=4e-3)

    def cost() -> torch.Tensor:
        out = codec(x)
        bits = sum(-p.log2().sum() for p in out["likelihoods"].values())
        return bits / (4 * 64 * 64) + 0.05 * 255**2 * (out["x_hat"] - x).square().mean()

    first = cost().item()
    for _ in range(60):
        optimizer.zero_grad()
        loss = cost()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.9 * first


@torch.inference_mode()
@pytest.mark.parametrize("count", [0, 1, 3])
def test_another_number_of_streams_is_refused(count: int) -> None:
    codec = Swift(M=24, N=8, Z=4).eval()
    strings = codec.compress(torch.rand(1, 3, 32, 32))["strings"]
    with pytest.raises(StreamError, match=f"holds {count} streams"):
        codec.decompress([*strings, *strings][:count], (1, 1))
