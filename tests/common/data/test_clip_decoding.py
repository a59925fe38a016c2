from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from common.data.sequences import check_clips, sequences
from common.data.video_files import Clip
from common.errors import LicError


def write(path: Path, codec: str = "ffv1", pixels: str = "yuv420p", **options: str) -> Path:
    rng = np.random.default_rng(0)
    texture = rng.integers(0, 60, (200, 300, 3))
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 96, 64, pixels
        for t in range(8):
            rgb = (texture[t : t + 64, 2 * t : 2 * t + 96] + 20 * t).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = t, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def packets(path: Path) -> list[tuple[int, int]]:
    """Where the packets of a file begin, and how long they are."""
    with av.open(str(path)) as container:
        return [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]


def damage(path: Path, at: int, count: int = 1) -> None:
    content = bytearray(path.read_bytes())
    for place in range(at, at + count):
        content[place] ^= 0x55
    path.write_bytes(content)


def test_a_checksum_that_fails_is_damage_though_the_decoder_conceals_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", level="3", slicecrc="1", g="1")
    whole = list(Clip(path))
    position, size = packets(path)[3]
    damage(path, position + size // 2)
    frames = iter(Clip(path))
    for expected in whole[:3]:
        np.testing.assert_array_equal(next(frames), expected)
    with pytest.raises(LicError, match=r"a\.mkv is damaged: frame 3 \(from 0\).*CRC mismatch.*--ignore-damage"):
        next(frames)
    clip = Clip(path, ignore_damage=True)
    concealed = list(clip)
    assert len(concealed) == 8 and len(clip.damage) == 1 and clip.damage[0].startswith("frame 3 (from 0)")
    assert [n for n in range(8) if (concealed[n] != whole[n]).any()] == [3]


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"g": "4", "qp": "20"}),
        ("a.mkv", "libx265", {"x265-params": "log-level=none:keyint=4"}),
        ("a.avi", "mpeg4", {"g": "4"}),
    ],
)
def test_a_frame_overwritten_is_damage(tmp_path: Path, name: str, codec: str, options: dict[str, str]) -> None:
    path = write(tmp_path / name, codec, **options)
    Clip(path).check()
    position, size = packets(path)[4]  # an I frame
    damage(path, position + size // 4, size // 2)
    with pytest.raises(LicError, match=r"is damaged: frame \d \(from 0\)"):
        list(Clip(path))
    clip = Clip(path, ignore_damage=True)
    assert 4 <= len(list(clip)) <= 8 and clip.damage


def test_an_end_too_early_can_be_ignored(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", level="3", slicecrc="1", g="1")
    path.write_bytes(path.read_bytes()[: packets(path)[5][0] + 40])
    with pytest.raises(LicError, match="is damaged"):
        list(Clip(path))
    clip = Clip(path, ignore_damage=True)
    assert 5 <= len(list(clip)) <= 6 and clip.damage
    raw = tmp_path / "a_8x8.yuv"
    raw.write_bytes(bytes(2 * 96 + 5))
    assert len(list(Clip(raw, size=(8, 8), ignore_damage=True))) == 2


def test_what_is_damaged_in_a_set_is_named_before_work_begins(tmp_path: Path) -> None:
    write(tmp_path / "good.mkv", level="3", slicecrc="1", g="1")
    bad = write(tmp_path / "bad.mkv", level="3", slicecrc="1", g="1")
    check_clips(sequences(tmp_path))
    position, size = packets(bad)[6]
    damage(bad, position + size // 2)
    with pytest.raises(LicError, match=r"1 of the 2 test clips .*\(bad\).*bad\.mkv is damaged: frame 6"):
        check_clips(sequences(tmp_path))
