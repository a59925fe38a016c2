import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data.folders import check_decodes, find_pictures, pictures_of, random_crop, readable, resized
from common.data.sequences import picture_folders
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


def test_links_are_followed_and_loops_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    far = picture(tmp_path / "far/deep/a.png")
    near = picture(tmp_path / "near/b.png")
    (tmp_path / "near/linked").symlink_to(tmp_path / "far")
    (tmp_path / "far/back").symlink_to(tmp_path / "near")
    (tmp_path / "near/self").symlink_to(tmp_path / "near")
    (tmp_path / "near/again.png").symlink_to(near)
    assert sorted(map(Path.resolve, find_pictures([tmp_path / "near"]))) == [far, near]
    assert picture_folders(tmp_path / "near") == [tmp_path / "near", tmp_path / "near/linked/deep"]
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_pictures(["~/near/b.png"]) == [near]
    with pytest.raises(LicError, match="home folder of nobody"):
        find_pictures(["~no-such-user-here/photos"])


def test_links_that_lead_nowhere_and_empty_files_are_named(tmp_path: Path) -> None:
    good = picture(tmp_path / "s/good.png")
    for name in ("gone.png", "folder"):
        (tmp_path / "s" / name).symlink_to(tmp_path / "nowhere")
    (tmp_path / "s/zero.JPG").touch()
    with pytest.warns(UserWarning, match=r"3 of 4 pictures .*folder, gone.png, zero.JPG\); first: .*is a link to "):
        kept, broken = readable(find_pictures([tmp_path / "s"]))
    assert kept == [good] and "0 bytes" in broken[2][1]
    assert [file.name for file in pictures_of(tmp_path / "s")] == ["folder", "gone.png", "good.png", "zero.JPG"]
    with pytest.raises(LicError, match="none of the 1 pictures"):
        readable([tmp_path / "s/gone.png"])
    with pytest.raises(LicError, match="does not exist"):
        find_pictures([tmp_path / ("n" * 300)])


def test_a_picture_damaged_behind_its_header_is_named(tmp_path: Path) -> None:
    good, bad = (picture(tmp_path / f"{name}.png", size=(64, 64)) for name in ("good", "bad"))
    bad.write_bytes(bad.read_bytes()[:60])
    assert readable([good, bad]) == ([good, bad], [])
    check_decodes([good])
    with pytest.raises(LicError, match=r"1 of the 2 test pictures .*\(bad.png\)"):
        check_decodes([good, bad])


def test_small_photographs_are_said(tmp_path: Path) -> None:
    files = [picture(tmp_path / "a.png"), picture(tmp_path / "b.png", size=(8, 7))]
    with pytest.warns(UserWarning, match=r"1 of 2 photographs are smaller than data.crop=8"):
        readable(files, crop=8)


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


def test_a_resized_picture_is_whole_and_without_aliases() -> None:
    stripes = np.zeros((60, 80, 3), np.uint8)
    stripes[:, ::2] = 255  # one pixel on, one off: sampled without a filter they would stay black or white
    stripes[:30, :, 2] = 0
    small = resized(stripes, 10)
    assert small.shape == (10, 10, 3) and small.dtype == np.uint8 and small.flags.writeable
    assert abs(small[:, 2:8, 0].astype(int) - 128).max() < 12
    assert small[:4, :, 2].max() < 12 and small[6:, 2:8, 2].min() > 116
    assert (resized(small, 10) == small).all()
