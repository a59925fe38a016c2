import os
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from common.data.sequences import Sequence, find_sequences, sequences, sequences_identity
from common.data.video_files import Clip
from common.data.video_writing import write_clip
from common.errors import LicError

FRAMES = list(np.random.default_rng(0).integers(0, 256, (3, 16, 24, 3)).astype(np.uint8))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    write_clip(tmp_path / "clip10.mkv", FRAMES, 30)
    write_clip(tmp_path / "clip9.mkv", FRAMES[:2], 24)
    write_clip(tmp_path / "deep" / "er" / "frames", FRAMES, 25)
    (tmp_path / "deep" / "raw_24x16_50.yuv").write_bytes(bytes(2 * 24 * 16 * 3 // 2))
    (tmp_path / "deep" / "raw_24x16.rgb").write_bytes(bytes(24 * 16 * 3))
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".cache").mkdir()
    shutil.copy(tmp_path / "clip9.mkv", tmp_path / ".cache" / "clip9.mkv")
    return tmp_path


def test_every_video_and_every_folder_of_pictures_is_a_sequence(root: Path) -> None:
    found = sequences(root)
    assert found == [
        Sequence("clip9", root / "clip9.mkv", None, Fraction(24)),
        Sequence("clip10", root / "clip10.mkv", None, Fraction(30)),
        Sequence("frames", root / "deep" / "er" / "frames", None, Fraction(25)),
        Sequence("raw_24x16", root / "deep" / "raw_24x16.rgb", (24, 16), Fraction(25)),
        Sequence("raw_24x16_50", root / "deep" / "raw_24x16_50.yuv", (24, 16), Fraction(50)),
    ]
    assert [len(list(sequence.clip())) for sequence in found] == [2, 3, 3, 1, 2]
    np.testing.assert_array_equal(list(found[2].clip()), FRAMES)


def test_pictures_beside_videos_are_no_sequence(root: Path) -> None:
    names = [sequence.name for sequence in sequences(root)]
    shutil.copy(root / "deep" / "er" / "frames" / "000000.png", root / "poster.png")
    assert [sequence.name for sequence in sequences(root)] == names


def test_names_stay_unique(root: Path) -> None:
    write_clip(root / "clip9.y4m", FRAMES, 25)
    assert [sequence.name for sequence in sequences(root)][:3] == ["clip9-mkv", "clip9-y4m", "clip10"]


def test_a_folder_of_pictures_alone_is_one_sequence(root: Path) -> None:
    (found,) = sequences(root / "deep" / "er" / "frames")
    assert found.name == "frames" and len(list(found.clip())) == 3


def test_what_is_no_sequence_is_said(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(LicError, match=r"there is no folder .*nowhere"):
        sequences(root / "nowhere")
    with pytest.raises(LicError, match=r"holds neither videos .* nor folders of pictures"):
        sequences(tmp_path_factory.mktemp("empty"))
    (root / "raw.yuv").write_bytes(bytes(24))
    with pytest.raises(LicError, match=r"its name says no size; rename it as in raw_352x288_30\.yuv"):
        sequences(root)


def test_identity_is_of_the_content(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    whole = sequences_identity("mine", sequences(root))
    assert whole.startswith("mine 5 sequences ") and len(whole.split()[-1]) == 8
    moved = tmp_path_factory.mktemp("moved")
    for path in sequences(root):
        target = moved / ("another_" + path.path.name)
        (shutil.copytree if path.path.is_dir() else shutil.copy)(path.path, target)
    assert sequences_identity("mine", sequences(moved)) == whole
    frame = moved / "another_frames" / "000001.png"
    frame.write_bytes((moved / "another_frames" / "000002.png").read_bytes())
    assert sequences_identity("mine", sequences(moved)) != whole
    assert sequences_identity("mine", sequences(root)[:1]).startswith("mine 1 sequence ")


def test_files_and_folders_together(root: Path) -> None:
    found = find_sequences([root / "clip10.mkv", root / "deep", root / "deep/raw_24x16_50.yuv"])
    assert [sequence.name for sequence in found] == ["clip10", "frames", "raw_24x16", "raw_24x16_50"]
    assert found[0] == Sequence("clip10", root / "clip10.mkv", None, Fraction(30))
    assert found[3].size == (24, 16) and found[3].rate == 50
    with pytest.raises(LicError, match=r"nowhere does not exist"):
        find_sequences([root / "nowhere"])
    (root / "other").mkdir()
    shutil.copy(root / "clip9.mkv", root / "other" / "clip10.mkv")
    both = find_sequences([root / "clip10.mkv", root / "other"])
    assert len({sequence.name for sequence in both}) == 2 and all("clip10" in sequence.name for sequence in both)
    assert len(find_sequences([root])) == 6


def test_links_are_followed_and_names_need_not_be_utf8(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    linked = tmp_path_factory.mktemp("linked")
    (linked / "to").symlink_to(root / "deep")
    (linked / "again.mkv").symlink_to(root / "clip10.mkv")
    (linked / "same.mkv").symlink_to(root / "clip10.mkv")
    shutil.copy(root / "clip9.mkv", os.path.join(os.fsencode(linked), b"caf\xe9.mkv"))
    found = sequences(linked)
    assert [sequence.name for sequence in found] == ["again", "café", "frames", "raw_24x16", "raw_24x16_50"]
    assert [len(list(sequence.clip())) for sequence in found] == [3, 2, 3, 1, 2]
    (linked / "gone.mkv").symlink_to(root / "nowhere.mkv")
    with pytest.raises(LicError, match=r"gone\.mkv is a link to .*nowhere\.mkv, which does not exist"):
        sequences(linked)


def test_the_home_folder_is_expanded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(root.parent))
    assert len(sequences(f"~/{root.name}")) == 5 and len(list(Clip(f"~/{root.name}/clip9.mkv"))) == 2
