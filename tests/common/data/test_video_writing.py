from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from common.data.video_files import Clip
from common.data.video_writing import write_clip
from common.errors import LicError


def noise(count: int, height: int, width: int) -> list[NDArray[np.uint8]]:
    return list(np.random.default_rng(height).integers(0, 256, (count, height, width, 3)).astype(np.uint8))


@pytest.mark.parametrize(("height", "width"), [(17, 33), (48, 64), (1, 1), (3, 9)])
@pytest.mark.parametrize("name", ["a.mkv", "frames"])
def test_lossless_round_trips(tmp_path: Path, name: str, height: int, width: int) -> None:
    frames = noise(4, height, width)
    assert write_clip(tmp_path / name, iter(frames), Fraction(24000, 1001)) == 4
    clip = Clip(tmp_path / name)
    assert clip.info[:2] == (width, height) and clip.info.conversion is None
    for _ in range(2):  # from the start each time
        np.testing.assert_array_equal(list(clip), frames)
    if name == "a.mkv":
        assert clip.info.rate == Fraction(24000, 1001)
        assert [path.name for path in tmp_path.iterdir()] == ["a.mkv"]
    else:
        assert [path.name for path in sorted((tmp_path / name).iterdir())] == [f"{n:06d}.png" for n in range(4)]
        assert clip.info.frames == 4 and clip.info.rate == 25 and Clip(tmp_path / name, rate=12.5).info.rate == 12.5


def test_y4m_is_near(tmp_path: Path) -> None:
    frames = noise(4, 17, 33)
    assert write_clip(tmp_path / "a.y4m", frames, 29.97) == 4
    header = (tmp_path / "a.y4m").read_bytes()[:60]
    assert header.startswith(b"YUV4MPEG2 W33 H17 F30000:1001") and b"C444 " in header
    clip = Clip(tmp_path / "a.y4m")
    assert clip.info == (33, 17, Fraction(30000, 1001), 4, "ffmpeg_default")
    assert np.abs(np.array(list(clip)).astype(int) - frames).max() <= 3


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    frames = noise(2, 48, 64)
    with pytest.raises(LicError, match=r"cannot be written as '\.mp4'; choose \.mkv .* without suffix .* \.y4m"):
        write_clip(tmp_path / "a.mp4", frames, 25)
    with pytest.raises(LicError, match="there are no frames"):
        write_clip(tmp_path / "a.mkv", [], 25)
    with pytest.raises(LicError, match="there is no folder"):
        write_clip(tmp_path / "nowhere" / "a.mkv", frames, 25)
    with pytest.raises(LicError, match="cannot be made a folder"):
        write_clip(tmp_path / "nowhere" / "a", frames, 25)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").touch()
    with pytest.raises(LicError, match="full is not empty"):
        write_clip(tmp_path / "full", frames, 25)
    with pytest.raises(ValueError, match="as the first"):
        write_clip(tmp_path / "a.mkv", [*frames, frames[0][1:]], 25)
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mkv", noise(3, 48, 64), 25)
    before = (tmp_path / "a.mkv").read_bytes()

    def broken() -> Iterator[NDArray[np.uint8]]:
        yield from noise(2, 48, 64)
        raise LicError("frame 2 is lost.")

    with pytest.raises(LicError, match="frame 2 is lost"):
        write_clip(tmp_path / "a.mkv", broken(), 25)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mkv"] and (tmp_path / "a.mkv").read_bytes() == before
    write_clip(tmp_path / "b.mkv", noise(3, 48, 64), 25)
    assert (tmp_path / "b.mkv").read_bytes() == before  # the same frames, the same bytes
    assert (tmp_path / "b.mkv").stat().st_mode & 0o444 == (tmp_path / "a.mkv").stat().st_mode & 0o444 != 0
