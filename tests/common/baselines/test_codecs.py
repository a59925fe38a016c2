import numpy as np
import pytest

from common.baselines import codecs as module
from common.baselines.codecs import Codec, available
from common.baselines.hevc import HevcIntra

CODECS = available().codecs


def picture(height: int, width: int) -> np.ndarray:
    """Smooth colours with an edge: what every codec codes well."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    rgb = np.stack([255 * x, 255 * y, 128 + 100 * np.sin(6 * x * y)], axis=2)
    rgb[:, width // 2 :] *= 0.7
    return rgb.astype(np.uint8)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


def test_the_wheels_carry_every_codec() -> None:
    # Pillow >= 11.3 and PyAV wheels do; a machine where this fails is still served, by `missing`
    assert set(CODECS) | set(available().missing) == {"jpeg", "jpeg444", "jpeg2000", "webp", "avif", "hevc"}
    assert {"jpeg", "jpeg444"} <= set(CODECS)


@pytest.mark.parametrize("codec", CODECS.values(), ids=lambda codec: codec.name)
@pytest.mark.parametrize("size", [(1, 1), (17, 33), (75, 64)])
def test_any_size_comes_back(codec: Codec, size: tuple[int, int]) -> None:
    rgb = picture(*size)
    decoded = codec.decode(codec.encode(rgb, codec.qualities[-1]))
    assert decoded.shape == rgb.shape and decoded.dtype == np.uint8


@pytest.mark.parametrize("codec", CODECS.values(), ids=lambda codec: codec.name)
def test_qualities_rise_in_bits_and_psnr(codec: Codec) -> None:
    rng = np.random.default_rng(0)
    rgb = np.clip(picture(96, 128) + rng.normal(0, 6, (96, 128, 3)), 0, 255).astype(np.uint8)
    low, high = (codec.encode(rgb, quality) for quality in (codec.qualities[2], codec.qualities[-2]))
    assert len(low) < len(high)
    assert psnr(codec.decode(low), rgb) < psnr(codec.decode(high), rgb)
    assert psnr(codec.decode(high), rgb) > 30  # colours are where they belong


def test_a_missing_codec_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.features, "check", lambda feature: feature != "avif")
    monkeypatch.setattr(HevcIntra, "missing", lambda _: "HEVC needs PyAV: pip install av.")
    codecs, missing = available()
    assert set(codecs) == {"jpeg", "jpeg444", "jpeg2000", "webp"}
    assert "AVIF" in missing["avif"] and missing["hevc"].endswith(".")
