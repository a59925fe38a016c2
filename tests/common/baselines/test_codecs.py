from dataclasses import replace

import numpy as np
import pytest

from common import ffmpeg_program
from common.baselines import codecs as module
from common.baselines.codecs import Codec, available
from common.baselines.hevc import HevcIntra
from common.baselines.program_pictures import JPEG_XL, jpegxl_distance
from common.errors import LicError

CODECS = available().codecs
LOSSLESS = [codec for name, codec in CODECS.items() if name == "png" or name.endswith("_lossless")]
LOSSY = [codec for codec in CODECS.values() if codec not in LOSSLESS]


def picture(height: int, width: int) -> np.ndarray:
    """Smooth colours with an edge: what every codec codes well."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    rgb = np.stack([255 * x, 255 * y, 128 + 100 * np.sin(6 * x * y)], axis=2)
    rgb[:, width // 2 :] *= 0.7
    return rgb.astype(np.uint8)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


def test_the_wheels_carry_every_codec() -> None:
    # Pillow >= 11.3, PyAV and imageio-ffmpeg wheels do; a machine where this fails is still served, by `missing`
    assert set(CODECS) | set(available().missing) == {
        *("jpeg", "jpeg_default", "jpeg444", "jpeg2000", "webp", "avif", "hevc", "jpegxl", "vvc"),
        *("png", "webp_lossless", "jpeg2000_lossless", "jpegxl_lossless"),
    }
    assert {"jpeg", "jpeg444", "png"} <= set(CODECS)


def test_optimised_tables_save_bits_and_change_no_pixel() -> None:
    rgb = picture(75, 64)
    plain, optimised = (CODECS[name].encode(rgb, 50) for name in ("jpeg_default", "jpeg"))
    assert len(plain) > len(optimised)
    assert (CODECS["jpeg_default"].decode(plain) == CODECS["jpeg"].decode(optimised)).all()


def test_commands_say_the_settings() -> None:
    assert CODECS["jpeg"].command == "PIL.Image.save(OUT, 'JPEG', quality=Q, optimize=True)"
    assert "qp=Q" in CODECS["hevc"].command


def test_what_the_program_refuses_is_its_own_sentence() -> None:
    if "jpegxl" not in CODECS:
        pytest.skip(available().missing["jpegxl"])
    wrong = replace(JPEG_XL, options=lambda quality: {"effort": "none"})
    with pytest.raises(LicError, match="effort"):
        wrong.encode(picture(16, 16), 50)


@pytest.mark.parametrize(("quality", "distance"), [(90, 1.0), (30, 6.4), (11, 14.49), (100, 0.1)])
def test_distances_of_jpeg_xl(quality: int, distance: float) -> None:
    assert float(jpegxl_distance(quality)) == pytest.approx(distance, abs=0.01)  # cjxl -q 90: distance 1.0


@pytest.mark.parametrize("codec", CODECS.values(), ids=lambda codec: codec.name)
@pytest.mark.parametrize("size", [(1, 1), (17, 33), (75, 64)])
def test_any_size_comes_back(codec: Codec, size: tuple[int, int]) -> None:
    rgb = picture(*size)
    decoded = codec.decode(codec.encode(rgb, codec.qualities[-1]))
    assert decoded.shape == rgb.shape and decoded.dtype == np.uint8


@pytest.mark.parametrize("codec", LOSSLESS, ids=lambda codec: codec.name)
@pytest.mark.parametrize("size", [(1, 1), (17, 33), (64, 48)])
def test_lossless_codecs_lose_nothing(codec: Codec, size: tuple[int, int]) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    for pixels in (rgb, picture(*size), np.full_like(rgb, 255)):
        assert (codec.decode(codec.encode(pixels, codec.qualities[0])) == pixels).all()


@pytest.mark.parametrize("codec", LOSSY, ids=lambda codec: codec.name)
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
    assert {"jpeg", "jpeg444", "jpeg2000", "webp"} <= set(codecs) and not {"avif", "hevc"} & set(codecs)
    assert "AVIF" in missing["avif"] and missing["hevc"].endswith(".")


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg_program, "program", lambda: None)
    missing = available().missing
    for name in ("jpegxl", "jpegxl_lossless", "vvc"):
        assert "extra anchors: pip install 'lic[anchors]'" in missing[name]
