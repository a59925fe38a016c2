"""The protocol for photographs."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from common.errors import LicError
from lic_image.codecs.factorized import Factorized
from lic_image.data import Photographs
from lic_image.evaluate import ImageProtocol, bit_map, unique_names


def test_bit_map_holds_all_bits_where_they_belong() -> None:
    y = torch.full((1, 2, 2, 2), 0.5)  # one bit each, two channels: two bits a position, four pixels each
    y[..., 0, 0] = 0.25
    z = torch.full((1, 1, 1, 1), 2.0**-16)
    bits = bit_map({"x_hat": torch.zeros(1, 3, 4, 4), "likelihoods": {"y": y, "z": z}})
    assert bits.shape == (4, 4) and bits.sum().item() == pytest.approx(4 + 3 * 2 + 16)
    assert bits[0, 0].item() == pytest.approx(4 / 4 + 1) and bits[3, 3].item() == pytest.approx(2 / 4 + 1)


def test_pictures_of_the_same_name_stay_apart() -> None:
    assert unique_names([Path("a/x.png"), Path("b/x.png"), Path("b/y.png")]) == ["a-x", "b-x", "y"]


class Inconsistent(Factorized):
    """Decodes something else than its forward pass gives."""

    def decompress(self, strings: list[list[bytes]], shape: tuple[int, int]) -> dict[str, Tensor]:
        return {"x_hat": 1 - super().decompress(strings, shape)["x_hat"]}


def test_a_codec_that_decodes_something_else_is_found_out(photographs: Path, tmp_path: Path) -> None:
    data = Photographs(None, str(photographs), "test", crop=64, batch_size=1)
    assert len(ImageProtocol()(Factorized(4, 4), "ok", data, tmp_path)) == 2
    with pytest.raises(LicError, match="do not match its forward"):
        ImageProtocol()(Inconsistent(4, 4), "bad", data, tmp_path)


def test_a_lossless_picture_is_no_number_in_json(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lic_image.evaluate.psnr", lambda *_: torch.tensor([float("inf")]))
    data = Photographs(None, str(photographs), "test", crop=64, batch_size=1)
    records = ImageProtocol()(Factorized(4, 4), "f", data, tmp_path)
    assert [record["psnr"] for record in records] == [None, None] and json.dumps(records, allow_nan=False)


def test_records_agree_with_the_files(photographs: Path, tmp_path: Path) -> None:
    data = Photographs(None, str(photographs), "test", crop=64, batch_size=1)
    torch.manual_seed(0)
    for record in ImageProtocol()(Factorized(4, 4), "f", data, tmp_path):
        original = np.asarray(Image.open(record["source"]).convert("RGB")).astype(float)
        decoded = np.asarray(Image.open(tmp_path / "pictures" / f"{record['file']}.png")).astype(float)
        assert record["psnr"] == pytest.approx(10 * np.log10(255**2 / ((original - decoded) ** 2).mean()), abs=1e-4)
        assert record["ms_ssim"] is None  # a side below 161
        assert record["bytes"] == (tmp_path / "streams" / f"{record['file']}.lic").stat().st_size
