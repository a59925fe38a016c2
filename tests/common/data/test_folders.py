import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data.folders import find_pictures, random_crop, readable
from common.errors import LicError


def picture(path: Path, shade: int = 0, size: tuple[int, int] = (8, 8)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (shade, shade, shade)).save(path)
    return path


def test_pictures_are_found_in_order(tmp_path: Path) -> None:
    wanted = [picture(tmp_path / name) for name in ("B.PNG", "a.jpg", "deep/er/x.webp", "deep/y.Tiff")]
    picture(tmp_path / ".hidden.png")
    picture(tmp_path / ".cache/x.png")
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "folder.png").mkdir()
    assert find_pictures([tmp_path]) == wanted
    assert find_pictures([str(tmp_path / "deep"), tmp_path, tmp_path / "a.jpg"]) == [*wanted[2:], *wanted[:2]]


def test_a_folder_within_a_hidden_one_may_be_named(tmp_path: Path) -> None:
    wanted = picture(tmp_path / ".data/a.png")
    assert find_pictures([tmp_path / ".data"]) == [wanted]


def test_missing_and_empty_folders(tmp_path: Path) -> None:
    with pytest.raises(LicError, match="does not exist"):
        find_pictures([tmp_path / "missing"])
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(LicError, match="holds no pictures"):
        find_pictures([tmp_path])


def test_broken_pictures_are_reported_once(tmp_path: Path) -> None:
    good = [picture(tmp_path / f"good{k}.png") for k in range(2)]
    bad = [tmp_path / f"bad{k}.png" for k in range(4)]
    for path in bad[:3]:
        path.write_text("no picture")
    Image.fromarray(np.zeros((2, 2), np.uint16)).save(bad[3])
    with pytest.warns(UserWarning, match=r"4 of 6 pictures .*bad0.png, bad1.png, bad2.png, \.\.\.") as caught:
        kept, broken = readable([bad[0], good[0], *bad[1:], good[1]])
    assert len(caught) == 1
    assert kept == good and [path for path, _ in broken] == bad
    assert "not a picture" in broken[0][1] and "16 bits" in broken[3][1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert readable(good) == (good, [])


def test_crops_are_parts_of_the_picture_and_reach_every_corner() -> None:
    rgb = np.arange(5 * 6 * 3, dtype=np.uint8).reshape(5, 6, 3)
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(200):
        crop = random_crop(rgb, 4, rng)
        top, left = divmod(int(crop[0, 0, 0]) // 3, 6)
        np.testing.assert_array_equal(crop, rgb[top : top + 4, left : left + 4])
        seen.add((top, left))
    assert seen == {(top, left) for top in range(2) for left in range(3)}


def test_small_pictures_are_continued_by_reflection() -> None:
    row = np.uint8([1, 2, 3])[None, :, None].repeat(3, 2)
    crop = random_crop(row, 7, np.random.default_rng(0))
    assert crop.shape == (7, 7, 3) and crop.flags.c_contiguous
    np.testing.assert_array_equal(crop[..., 0], np.tile([2, 1, 1, 2, 3, 3, 2], (7, 1)))
    assert (random_crop(np.full((1, 1, 3), 9, np.uint8), 16, np.random.default_rng(0)) == 9).all()
