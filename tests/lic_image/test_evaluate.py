"""The protocol for photographs."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from compressai.models import CompressionModel
from PIL import Image
from support import textured
from torch import Tensor

from common.baselines.codecs import available
from common.baselines.measure import measure
from common.errors import LicError
from lic_image.codecs.adjacent import Adjacent
from lic_image.codecs.channel_postfilter import ChannelPostfilter
from lic_image.codecs.factorized import Factorized
from lic_image.data import Photographs
from lic_image.evaluate import MAX_FIGURES, ImageProtocol


def test_pictures_of_the_same_name_stay_apart(tmp_path: Path) -> None:
    for n, file in enumerate(("x/a/1.png", "y/a/1.png", "y/a/1.jpg")):
        (tmp_path / "in" / file).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(textured(16, 16 + n, n)).save(tmp_path / "in" / file)
    data = Photographs(None, str(tmp_path / "in"), "test", crop=64, batch_size=1)
    records = ImageProtocol()(Factorized(4, 4), "f", data, tmp_path).details["images"]
    assert [record["file"] for record in records] == ["x-1", "y-1-jpg", "y-1-png"]
    for record in records:
        assert (record["width"], record["height"]) == Image.open(record["source"]).size
        assert Image.open(tmp_path / "pictures" / f"{record['file']}.png").size == Image.open(record["source"]).size
        assert record["bytes"] == (tmp_path / "streams" / f"{record['file']}.lic").stat().st_size
    measured = measure(available().codecs["jpeg"], data.test_files(), "three", [50])
    assert [(i["file"], i["width"]) for i in measured["images"]] == [(r["file"], r["width"]) for r in records]


class Inconsistent(Factorized):
    """Decodes something else than its forward pass gives."""

    def decompress(self, strings: list[list[bytes]], shape: tuple[int, int]) -> dict[str, Tensor]:
        return {"x_hat": 1 - super().decompress(strings, shape)["x_hat"]}


def test_a_codec_that_decodes_something_else_is_found_out(photographs: Path, tmp_path: Path) -> None:
    data = Photographs(None, str(photographs), "test", crop=64, batch_size=1)
    assert len(ImageProtocol()(Factorized(4, 4), "ok", data, tmp_path).details["images"]) == 2
    with pytest.raises(LicError, match="do not match its forward"):
        ImageProtocol()(Inconsistent(4, 4), "bad", data, tmp_path)


def test_a_lossless_picture_is_no_number_in_json(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lic_image.evaluate.psnr", lambda *_: torch.tensor([float("inf")]))
    data = Photographs(None, str(photographs), "test", crop=64, batch_size=1)
    records = ImageProtocol()(Factorized(4, 4), "f", data, tmp_path).details["images"]
    assert [record["psnr"] for record in records] == [None, None] and json.dumps(records, allow_nan=False)


def test_records_agree_with_the_files(photographs: Path, tmp_path: Path) -> None:
    data = Photographs(None, str(photographs), "test", crop=64, batch_size=1)
    torch.manual_seed(0)
    for record in ImageProtocol()(Factorized(4, 4), "f", data, tmp_path).details["images"]:
        original = np.asarray(Image.open(record["source"]).convert("RGB")).astype(float)
        decoded = np.asarray(Image.open(tmp_path / "pictures" / f"{record['file']}.png")).astype(float)
        assert record["psnr"] == pytest.approx(10 * np.log10(255**2 / ((original - decoded) ** 2).mean()), abs=1e-4)
        assert record["ms_ssim"] is None  # a side below 161
        assert record["bytes"] == (tmp_path / "streams" / f"{record['file']}.lic").stat().st_size


@pytest.mark.parametrize("codec", [Adjacent(4, 8, mixture=1), ChannelPostfilter(4, 8)])
def test_what_blocks_do_is_drawn_for_the_first_photographs(codec: CompressionModel, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for n in range(MAX_FIGURES + 1):
        Image.fromarray(textured(1 if n else 20, 1 if n == 1 else 30, n)[..., n % 3]).save(folder / f"{n}.png")
    data = Photographs(None, str(folder), "test", crop=64, batch_size=1)
    ImageProtocol()(codec, "blocks", data, tmp_path)
    for kind in ("attention", "refinement"):
        drawn = sorted((tmp_path / kind).iterdir())
        assert [file.stem for file in drawn] == [str(n) for n in range(MAX_FIGURES)]
        assert all(Image.open(file).width >= 500 for file in drawn)
    assert len(list((tmp_path / "bits").iterdir())) == MAX_FIGURES + 1
    assert not any(module._forward_hooks for module in codec.modules())


def test_a_codec_without_blocks_leaves_no_figures(photographs: Path, tmp_path: Path) -> None:
    data = Photographs(None, str(photographs), "test", crop=64, batch_size=1)
    ImageProtocol()(Factorized(4, 4), "plain", data, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bits", "images.csv", "pictures", "streams"]
    ImageProtocol(keep_pictures=False)(Adjacent(4, 8, mixture=1), "kept", data, tmp_path / "bits")
    assert not (tmp_path / "bits" / "attention").exists()
