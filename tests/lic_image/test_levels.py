"""Files made of levels: what a prefix of one decodes to, and what the command says of it."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support import textured
from torch import Tensor

from common.capabilities import CodesInLevels
from common.coding.describe import describe
from common.data.image_io import read_picture, write_picture
from common.entropy.container import unpack
from common.errors import LicError, StreamError
from common.metrics.image import psnr_of_pictures
from lic_image.codecs.factorized import Factorized
from lic_image.files import ImageFiles
from lic_image.operating_points import Wish, coded, first_levels
from lic_image.rate import with_gains


class ChannelByChannel(Factorized):
    """A level is a channel of y; those that are missing are zero."""

    levels = 4

    def __init__(self) -> None:
        super().__init__(N=8, M=4)

    def compress_levels(self, x: Tensor) -> Iterator[list[bytes]]:
        symbols = self.entropy_bottleneck
        y = self.g_a(x)
        for level in range(self.levels):
            only = torch.zeros_like(y)
            only[:, level] = y[:, level]
            yield symbols.compress(only)

    def decompress_levels(self, levels: Sequence[Sequence[bytes]], shape: tuple[int, int]) -> dict[str, Tensor]:
        parts = [self.entropy_bottleneck.decompress([*streams], shape) for streams in levels]
        return {"x_hat": self.g_s(torch.stack(parts).sum(0)).clamp(0, 1)}

    def forward_levels(self, x: Tensor) -> list[dict[str, Any]]:
        raise NotImplementedError


def spread(codec: Factorized) -> Factorized:
    """With latents of several levels, as after training."""
    with torch.no_grad():
        codec.g_a[-1].weight.mul_(100)
    return codec


@pytest.fixture(scope="module")
def files() -> ImageFiles:
    torch.manual_seed(0)
    return ImageFiles(spread(ChannelByChannel()), "by_channel")


@pytest.fixture(scope="module")
def rgb() -> np.ndarray:
    return textured(75, 50)


def test_it_is_a_codec_of_levels(files: ImageFiles) -> None:
    assert isinstance(files.codec, CodesInLevels)


def test_every_prefix_is_a_file_and_a_cut_one_tells(files: ImageFiles, rgb: np.ndarray) -> None:
    whole = files.encode(rgb)
    cuts = first_levels(whole)
    assert [whole[: len(cut)] for cut in cuts] == cuts and cuts[-1] == whole
    pictures = [files.decode(cut).rgb for cut in cuts]
    for size in range(len(cuts[0]), len(whole)):
        found = files.decode(whole[:size])
        level = sum(len(cut) <= size for cut in cuts)
        assert (found.level, found.levels, found.cut) == (level, 4, size != len(cuts[level - 1]))
        assert (found.rgb == pictures[level - 1]).all()
    for level in range(1, 5):
        assert (files.decode(whole, level=level).rgb == pictures[level - 1]).all()
    with pytest.raises(StreamError, match="ends within its first level"):
        files.decode(whole[: len(cuts[0]) - 1])


def test_files_are_written_and_read_by_level(files: ImageFiles, rgb: np.ndarray, tmp_path: Path) -> None:
    write_picture(tmp_path / "photo.png", rgb)
    whole = files.encode(rgb)
    cuts = first_levels(whole)
    files.compress_file(tmp_path / "photo.png", tmp_path / "two.lic", levels=2)
    assert (tmp_path / "two.lic").read_bytes() == cuts[1]
    (tmp_path / "cut.lic").write_bytes(whole[:-1])
    said = files.decompress_file(tmp_path / "cut.lic", tmp_path / "back.png")
    assert said[0].endswith("ends within level 4, which is left out.") and said[1].endswith("level 3 of 4")
    assert (read_picture(tmp_path / "back.png").rgb == files.decode(cuts[2]).rgb).all()
    bpp = 8 * len(cuts[2]) / (75 * 50)
    files.compress_file(tmp_path / "photo.png", tmp_path / "target.lic", target_bpp=bpp + 1e-6)
    assert (tmp_path / "target.lic").read_bytes() == cuts[2]
    with pytest.raises(LicError, match="the smallest file has"):
        files.compress_file(tmp_path / "photo.png", tmp_path / "target.lic", target_bpp=0.01)
    with pytest.raises(LicError, match="--levels is 1 to 4"):
        files.compress_file(tmp_path / "photo.png", tmp_path / "two.lic", levels=5)
    with pytest.raises(LicError, match="--quality is not for 'by_channel'"):
        files.compress_file(tmp_path / "photo.png", tmp_path / "two.lic", quality=50)


def test_info_counts_no_torn_level_as_a_header(
    files: ImageFiles, rgb: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def of_headers(data: bytes) -> str:
        (tmp_path / "x.lic").write_bytes(data)
        describe(tmp_path / "x.lic")
        said = capsys.readouterr().out
        return re.findall(r"(\d+) bytes of header and checksums", said)[0]

    whole = files.encode(rgb)
    assert of_headers(whole[:-1]) == of_headers(first_levels(whole)[2])


def test_a_quality_that_no_level_reaches(files: ImageFiles, rgb: np.ndarray, tmp_path: Path) -> None:
    write_picture(tmp_path / "photo.png", rgb)
    with pytest.raises(LicError, match="the largest file has"):
        files.compress_file(tmp_path / "photo.png", tmp_path / "x.lic", target_psnr=90)
    worst = psnr_of_pictures(rgb, files.decode(first_levels(files.encode(rgb))[0]).rgb)
    files.compress_file(tmp_path / "photo.png", tmp_path / "x.lic", target_psnr=worst - 1)
    assert len(unpack((tmp_path / "x.lic").read_bytes()).levels) == 1


def test_levels_go_on_below_the_smallest_quality(rgb: np.ndarray) -> None:
    """Of a codec of levels with gains, a target below its smallest file is reached by its first levels."""
    torch.manual_seed(0)
    codec = spread(ChannelByChannel())
    files = ImageFiles(with_gains(codec, "0.0035,0.0483", 0.013, "step"), "both")
    cuts = first_levels(files.encode(rgb, setting=0))
    area = rgb.shape[0] * rgb.shape[1]
    for wanted, levels in ((len(cuts[1]), 2), (len(cuts[2]) + 1, 3), (len(cuts[3]), 4)):
        data, said = coded(files, rgb, False, Wish({}, target_bpp=8 * wanted / area))
        assert len(data) <= wanted and len(unpack(data).levels) == levels
        assert unpack(data).header.setting == 0 or levels == 4
        assert (f"level {levels} of 4 at quality 0" in said) == (levels < 4)
    data, said = coded(files, rgb, False, Wish({}, target_bpp=100))
    assert unpack(data).header.setting == 1000 and "quality 100" in said
    with pytest.raises(LicError, match="is not reached"):
        coded(files, rgb, False, Wish({}, target_bpp=8 * (len(cuts[0]) - 1) / area))


def test_what_is_for_levels_alone_is_said(files: ImageFiles, rgb: np.ndarray) -> None:
    torch.manual_seed(0)
    plain = ImageFiles(spread(Factorized(N=8, M=4)), "plain")
    with pytest.raises(LicError, match="--level is for files that are made of levels"):
        plain.decode(plain.encode(rgb), level=2)
    with pytest.raises(LicError, match="it codes in levels, which --levels, --target-bpp and --target-psnr choose"):
        coded(files, rgb, False, Wish({"quality": 3}))
    for wrong in (Wish({}, levels=0), Wish({}, levels=2.5), Wish({}, refine=0), Wish({}, refine=-4)):  # type: ignore[arg-type]
        with pytest.raises(LicError, match="must be a whole number from 1 on"):
            coded(files, rgb, False, wrong)


def test_another_codec_s_levels_are_refused(files: ImageFiles, rgb: np.ndarray) -> None:
    torch.manual_seed(0)
    plain = ImageFiles(spread(Factorized(N=8, M=4)), "plain")
    plain.digest = files.digest
    with pytest.raises(StreamError):
        plain.decode(files.encode(rgb))
    files_of_one = plain.encode(rgb)
    with pytest.raises(StreamError):
        files.decode(files_of_one)
