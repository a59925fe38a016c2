import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from common.data.scenes import fastest, motion, scene
from common.errors import LicError
from lic_video.datasets.clips import FolderClips, ProceduralClips, folder_clips, vimeo90k_clips


def marked(folder: int, t: int, height: int = 20, width: int = 30) -> NDArray[np.uint8]:
    """A picture that tells everywhere where it is from: red the folder, green the time, blue the place."""
    y, x = np.mgrid[:height, :width]
    return np.stack([np.full_like(y, 20 * folder), np.full_like(y, 10 * t), 8 * y + x], -1).astype(np.uint8)


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    for k in range(5):
        (tmp_path / f"{k}").mkdir()
        for t in range(12):
            Image.fromarray(marked(k, t)).save(tmp_path / f"{k}" / f"im{t}.png")
    return [tmp_path / f"{k}" for k in range(5)]


def where(clip: Tensor) -> tuple[int, list[int]]:
    """Folder and times of a clip, each of which holds for all its pixels."""
    assert (clip[:, 0] == clip[0, 0, 0, 0]).all() and (clip[:, 1] == clip[:, 1, :1, :1]).all()
    return int(clip[0, 0, 0, 0]) // 20, [int(frame[1, 0, 0]) // 10 for frame in clip]


def test_a_procedural_clip_is_a_function_of_seed_and_number() -> None:
    clips = ProceduralClips(5, (24, 40), 4, max_motion=6)
    forwards = [clips[n] for n in (0, 1)]
    assert forwards[0].shape == (4, 3, 24, 40) and forwards[0].dtype == torch.uint8
    again = pickle.loads(pickle.dumps(ProceduralClips(5, [24, 40], 4, max_motion=6)))
    for n, t in ((1, 3), (0, 2), (1, 0), (0, 0)):
        assert torch.equal(again.frame(n, t), forwards[n][t])
    assert not torch.equal(forwards[0], forwards[1]) and not torch.equal(
        ProceduralClips(6, (24, 40), 4)[0], forwards[0]
    )


def test_what_is_done_to_a_frame_does_not_come_back() -> None:
    clips = ProceduralClips(1, (1, 1), 1)
    before = clips.frame(0, 0).clone()
    clips.frame(0, 0).add_(1)
    assert torch.equal(clips.frame(0, 0), before)


def test_procedural_motion_is_even_and_below_its_largest(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[float] = []

    def record(view: object, t: float = 0.0) -> NDArray[np.uint8]:
        times.append(t)
        return np.zeros((32, 32, 3), np.uint8)

    clips = ProceduralClips(77, (32, 32), 5, max_motion=10)
    monkeypatch.setattr("lic_video.datasets.clips.render", record)
    moved, reached = [], []
    for n in range(40):
        times.clear()
        clips[n]
        steps = np.diff(times)
        np.testing.assert_allclose(steps, steps[0])
        assert times[2] == 0  # the middle
        view = scene(77, n, 32, 32)
        moved.append(steps[0] * fastest(view))
        reached.append(float(np.hypot(*motion(view, times[0], times[1]).flow).max()))
    assert 7 < max(moved) <= 10 and min(moved) < 0.1
    assert 0.3 < np.mean(np.array(moved) < 2.5) < 0.7  # where u is below 1/2
    assert max(reached) <= 10 * 1.05


def test_procedural_clips_move() -> None:
    clips = ProceduralClips(3, (48, 48), 3, max_motion=8)
    change = [float((clips[n][1].float() - clips[n][0].float()).abs().mean()) for n in range(12)]
    assert max(change) > 5


def test_a_folder_clip_is_successive_pictures_cut_alike(folders: list[Path]) -> None:
    clips = FolderClips(folders, 0, (8, 12), 4)
    starts, corners = set(), set()
    for n in range(60):
        clip = clips[n]
        assert clip.shape == (4, 3, 8, 12) and clip.dtype == torch.uint8
        k, times = where(clip)
        assert times == list(range(times[0], times[0] + 4))
        y, x = corner_of(clip)
        np.testing.assert_array_equal(clip.permute(0, 2, 3, 1), [marked(k, t)[y : y + 8, x : x + 12] for t in times])
        starts.add(times[0])
        corners.add((y, x))
    assert starts == set(range(9)) and len(corners) > 40
    assert max(y for y, _ in corners) == 12 and max(x for _, x in corners) >= 17


def corner_of(clip: Tensor) -> tuple[int, int]:
    """Where in ``marked`` a clip is from, by comparison."""
    blue = marked(0, 0)[..., 2]
    height, width = clip.shape[-2:]
    return next(
        (y, x)
        for y in range(20 - height + 1)
        for x in range(30 - width + 1)
        if np.array_equal(blue[y : y + height, x : x + width], clip[0, 2])
    )


def test_each_pass_shows_every_folder_once(folders: list[Path]) -> None:
    clips = FolderClips(folders, 0, (8, 8), 2)
    passes = [[where(clips[5 * epoch + k])[0] for k in range(5)] for epoch in range(8)]
    assert all(sorted(order) == [0, 1, 2, 3, 4] for order in passes)
    assert len({tuple(order) for order in passes}) > 4


def test_a_frame_alone_is_the_clips(folders: list[Path]) -> None:
    clips = FolderClips(folders, 3, (8, 12), 5)
    expected = [clips[n] for n in range(12)]
    again = pickle.loads(pickle.dumps(FolderClips(folders, 3, [8, 12], 5)))
    for n, t in ((11, 4), (2, 0), (7, 3), (2, 1), (0, 2)):
        assert torch.equal(again.frame(n, t), expected[n][t])
    other = FolderClips(folders, 4, (8, 12), 5)
    assert sum(not torch.equal(other[n], expected[n]) for n in range(12)) > 8
    for wrong in (-1, 5):
        with pytest.raises(IndexError, match=f"frame {wrong} of clips of 5"):
            clips.frame(0, wrong)
        with pytest.raises(IndexError):
            ProceduralClips(0, (8, 8), 5).frame(0, wrong)


def test_only_the_frame_asked_for_is_read(folders: list[Path]) -> None:
    clips = FolderClips(folders, 9, (20, 30), 12)
    k, _ = where(clips.frame(0, 3)[None])
    for t in (0, 5, 11):
        (folders[k] / f"im{t}.png").write_bytes(b"broken")
    clips.frame(0, 4)
    with pytest.raises(LicError, match=r"im5\.png"):
        clips.frame(0, 5)


def test_small_pictures_are_continued(folders: list[Path]) -> None:
    clip = FolderClips(folders, 0, (26, 30), 2)[0]
    k, times = where(clip)
    expected = [np.pad(marked(k, t), ((3, 3), (0, 0), (0, 0)), "symmetric") for t in times]
    np.testing.assert_array_equal(clip.permute(0, 2, 3, 1), expected)


def test_folders_that_hold_no_clip_are_refused(folders: list[Path]) -> None:
    with pytest.raises(LicError, match="holds 12 pictures and clips are of 13 frames"):
        FolderClips(folders, 0, (8, 8), 13)[0]
    with pytest.raises(LicError, match="no folders of frames"):
        FolderClips([], 0, (8, 8), 3)
    for size, frames in (((0, 8), 3), ((8, 8), 0)):
        with pytest.raises(LicError, match="cannot be made"):
            FolderClips(folders, 0, size, frames)
        with pytest.raises(LicError, match="cannot be made"):
            ProceduralClips(0, size, frames)
    with pytest.raises(LicError, match="greater than 0"):
        ProceduralClips(0, (8, 8), 3, max_motion=0)
    for t in range(6):
        Image.fromarray(marked(0, t, height=21)).save(folders[0] / f"im{t}.png")
    with pytest.raises(LicError, match=r"im\d+\.png has not the size of other pictures in its folder"):
        FolderClips(folders[:1], 0, (8, 8), 12)[0]


def test_clips_of_a_root(folders: list[Path]) -> None:
    root = folders[0].parent
    for path in folders[1].glob("im[2-9].png"):
        path.unlink()  # too few are left
    clips = folder_clips(root, seed=0, size=(8, 8), frames=7)
    assert clips.folders == [folders[0], *folders[2:]] and clips[0].shape == (7, 3, 8, 8)
    with pytest.raises(LicError, match="holds no folder of 50 pictures or more"):
        folder_clips(root, seed=0, size=(8, 8), frames=50)
    with pytest.raises(LicError, match="there is no folder"):
        folder_clips(root / "nowhere", seed=0, size=(8, 8), frames=7)


def test_clips_of_vimeo90k(tmp_path: Path) -> None:
    for k, name in enumerate(("00001/0001", "00001/0002", "00003/0009")):
        (tmp_path / "sequences" / name).mkdir(parents=True)
        for t in range(1, 8):
            Image.fromarray(marked(k, t)).save(tmp_path / "sequences" / name / f"im{t}.png")
    (tmp_path / "sep_trainlist.txt").write_text("00001/0002\n00003/0009\n")
    clips = vimeo90k_clips(tmp_path, seed=0, size=(8, 8), frames=7)
    assert sorted(where(clips[n]) for n in range(2)) == [(1, list(range(1, 8))), (2, list(range(1, 8)))]
