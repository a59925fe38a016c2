"""Raster order: one pass writes, wavefronts read, and both are position by position to the last bit."""

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from common.entropy.exact import run, shuffled_sums
from common.entropy.raster import RasterReader, taps, wavefronts
from common.entropy.rules import PRESENT, coding_by
from common.entropy.walks import Visitor
from common.errors import StreamError
from lic_image.codecs.compressai_zoo import JointAutoregressive


def test_wavefronts_by_hand() -> None:
    order, ends = wavefronts(2, 5)
    assert order.tolist() == [0, 1, 2, 3, 5, 4, 6, 7, 8, 9]  # wave j + 3 i: (0, 3) and (1, 0) come together
    assert ends.tolist() == [1, 2, 3, 5, 7, 8, 9, 10]


@pytest.mark.parametrize("radius", [1, 2, 3])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 1), (6, 11), (9, 4)])
def test_a_wave_needs_nothing_but_waves_before(size: tuple[int, int], radius: int) -> None:
    h, w = size
    order, ends = wavefronts(h, w, radius)
    assert sorted(order.tolist()) == list(range(h * w)) and ends[-1] == h * w
    done: set[int] = set()
    for wave in np.split(order, ends[:-1]):
        for i, j in (divmod(int(place), w) for place in wave):
            for tap in taps(radius).tolist():
                di, dj = divmod(tap, 2 * radius + 1)
                row, column = i + di - radius, j + dj - radius
                if row >= 0 and 0 <= column < w:
                    assert row * w + column in done
        done.update(wave.tolist())


def codec(seed: int = 0) -> JointAutoregressive:
    torch.manual_seed(seed)
    made = JointAutoregressive(8, 12).eval()
    with torch.no_grad():
        for parameter in (*made.context_prediction.parameters(), *made.entropy_parameters.parameters()):
            parameter.mul_(2)
        made.entropy_parameters[-1].bias[:12] = 3.0  # as the latents below
    return made


def latents(batch: int, h: int, w: int) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(h * w)
    return 3 * torch.randn(batch, 12, h, w, generator=random), torch.randn(batch, 8, h // 4, w // 4, generator=random)


class Asking(Visitor):
    """Keeps what a walk tells of a latent that is known."""

    def __init__(self, known: Tensor) -> None:
        self.known, self.size = known, (known.shape[2], known.shape[3])

    def __call__(self, scales: Tensor, means: Any = None, *args: Any, **kwargs: Any) -> Tensor:
        self.told = scales, means
        return scales


def of_its_networks(made: JointAutoregressive, side: Tensor, y_hat: Tensor) -> tuple[Tensor, ...]:
    """Scales and means as CompressAI's forward pass gets them, in exact arithmetic."""

    def told() -> Tensor:
        context = made.context_prediction(y_hat.double())
        return made.entropy_parameters(torch.cat([side.double(), context], 1))  # type: ignore[no-any-return]

    return run(told).chunk(2, 1)  # type: ignore[no-any-return]


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("shuffled", [False, True])
def test_one_pass_tells_what_each_position_is_told_alone(
    shuffled: bool, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = codec()
    if not compiled:
        monkeypatch.setattr("lic_image.codecs.compressai_zoo.AtPositions.fits", lambda *args: False)
    monkeypatch.setattr("common.entropy.raster.CHUNK", 7)
    y, z_hat = latents(2, 4, 8)
    asking = Asking(y.round())
    with torch.inference_mode():
        made.walk(z_hat, asking)
        side = made.h_s(z_hat)
        for whole, part in zip(asking.told, of_its_networks(made, side, y.round())):
            assert torch.equal(whole, part)
        for i in range(4):
            for j in range(8):
                before = y.round()
                before[:, :, i, j:] = 99.0  # what a decoder does not have yet
                before[:, :, i + 1 :] = -99.0
                patch = torch.nn.functional.pad(before, (2, 2, 2, 2))[:, :, i : i + 5, j : j + 5]
                here = side[:, :, i : i + 1, j : j + 1].expand(-1, -1, 5, 5)
                with shuffled_sums(i * 8 + j) if shuffled else nullcontext():
                    alone = of_its_networks(made, here, patch)
                for whole, part in zip(asking.told, alone):
                    assert torch.equal(whole[:, :, i, j], part[:, :, 2, 2])


@pytest.mark.parametrize(("batch", "h", "w"), [(1, 4, 4), (3, 8, 4), (2, 4, 12), (1, 12, 16)])
def test_wavefronts_read_what_one_pass_wrote(batch: int, h: int, w: int) -> None:
    made = codec()
    y, _ = latents(batch, h, w)
    with torch.inference_mode():
        out = made.compress_latents(y)
        y_hat = made.decompress_latents(**out)
        measured, likelihoods = made.measured(y)
    assert torch.equal(y_hat, y.round()) and torch.equal(measured, y_hat)
    bits = -likelihoods["y"].double().log2().sum().item()
    assert 8 * sum(map(len, out["strings"][0])) == pytest.approx(bits, rel=0.04, abs=80 * batch)


def test_a_cut_or_prolonged_stream_is_refused() -> None:
    made = codec()
    y, _ = latents(1, 4, 8)
    with torch.inference_mode():
        out = made.compress_latents(y)
        for string in (out["strings"][0][0][:-4], out["strings"][0][0] + bytes(4)):
            with pytest.raises(StreamError):
                made.decompress_latents([[string], out["strings"][1]], out["shape"])


def test_a_reader_asks_for_waves_of_all_images_together(monkeypatch: pytest.MonkeyPatch) -> None:
    made, asked = codec(), []
    wave = RasterReader.wave

    def counted(self: RasterReader, scales: Tensor, means: Tensor) -> Any:
        asked.append(tuple(scales.shape))
        return wave(self, scales, means)

    monkeypatch.setattr(RasterReader, "wave", counted)
    y, _ = latents(2, 4, 8)
    with torch.inference_mode():
        made.decompress_latents(**made.compress_latents(y))
    assert len(asked) == 8 + 3 * (4 - 1) and sum(shape[1] for shape in asked) == 4 * 8
    assert {(shape[0], shape[2]) for shape in asked} == {(2, 12)}


def test_without_exact_arithmetic_both_sides_go_position_by_position() -> None:
    made = codec()
    x = torch.rand(1, 3, 64, 128, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode(), coding_by(PRESENT._replace(exact=False)):
        made.g_a[-1].weight *= 20
        y = made.g_a(x)
        out = made.compress(x)
        seen: list[Tensor] = []
        made.g_s.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
        made.decompress(out["strings"], out["shape"])
    assert y.round().abs().max() > 1 and torch.equal(seen[0], y.round())
