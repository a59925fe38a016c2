from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from common.data.raw_clips import frame_bytes, raw_frames
from common.data.sequences import sequences
from common.data.video_files import Clip
from common.errors import LicError

SIZE = (96, 64)


def ten_bits(path: Path, frames: int = 4) -> Path:
    """Raw frames in yuv420p10le: a ramp of luma between 64 and 940, colours of one half each."""
    luma = np.linspace(64, 940, SIZE[0] * SIZE[1]).reshape(SIZE[::-1])
    chroma = [np.full((SIZE[1] // 2, SIZE[0] // 2), value) for value in (400, 620)]
    one = b"".join(plane.round().astype("<u2").tobytes() for plane in (luma, *chroma))
    path.write_bytes(frames * one)
    return path


@pytest.mark.parametrize(
    ("name", "pixels"),
    [
        ("a_96x64.yuv", "yuv420p"),
        ("a_96x64_10bit.yuv", "yuv420p10le"),
        ("Nebuta_2560x1600_60_10bit_crop.yuv", "yuv420p10le"),
        ("Beauty_3840x2160_120fps_420_10bit_YUV.yuv", "yuv420p10le"),
        ("Beauty_1920x1080_120fps_420_8bit_YUV.yuv", "yuv420p"),
        ("CatRobot_3840x2160_60fps_10-bit_420_jvet.yuv", "yuv420p10le"),
        ("Traffic_2560x1600_30_10bit_422.yuv", "yuv422p10le"),
        ("sc_map_1280x720_60_8bit_444.yuv", "yuv444p"),
        ("a_yuv444p12.yuv", "yuv444p12le"),
        ("a_12b_yuv422.yuv", "yuv422p12le"),
        ("a_p010.yuv", "p010le"),
        ("a.nv12.yuv", "nv12"),
        ("akiyo_cif.yuv", "yuv420p"),
        ("videoSRC01_444x256_30.yuv", "yuv420p"),
        ("BasketballDrill_832x480_50.yuv", "yuv420p"),
        ("a_352x288_30_400frames.yuv", "yuv420p"),
        ("a_rgb48le.rgb", "rgb48le"),
    ],
)
def test_the_name_says_the_format(tmp_path: Path, name: str, pixels: str) -> None:
    (tmp_path / name).write_bytes(bytes(2 * frame_bytes(pixels, *SIZE)))
    found = raw_frames(tmp_path / name, SIZE)
    assert (found.pixels, found.frames) == (pixels, 2)
    if pixels != "yuv420p":
        assert found.notes == (f"{tmp_path / name} was read as {pixels}, as its name says.",)


@pytest.mark.parametrize("name", ["a_10bit_to_8bit.yuv", "a_420_444.yuv", "a_10bit.rgb", "a_nv12_yuv444p.yuv"])
def test_a_name_that_says_two_things_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(bytes(frame_bytes("yuv444p10le", *SIZE)))
    with pytest.raises(LicError, match=r"does not tell how its frames are stored; say it with --format"):
        raw_frames(tmp_path / name, SIZE)
    assert raw_frames(tmp_path / name, SIZE, "yuv444p10le").frames == 1


def test_bytes_of_a_frame_are_those_of_ffmpeg() -> None:
    for pixels in ("yuv420p", "yuv422p10le", "yuv444p", "nv12", "p010le", "yuyv422", "gray10le", "gbrp", "rgb48le"):
        for width, height in ((64, 48), (33, 17)):
            encoder = av.CodecContext.create("rawvideo", "w")
            encoder.width, encoder.height, encoder.pix_fmt = width, height, pixels
            encoder.time_base = Fraction(1, 25)
            (packet,) = encoder.encode(av.VideoFrame(width, height, pixels))
            assert packet.size == frame_bytes(pixels, width, height)


def test_ten_bits_are_rounded_to_the_nearest_level_and_said(tmp_path: Path) -> None:
    clip = Clip(ten_bits(tmp_path / "a_96x64_10bit.yuv"), size=SIZE)
    assert clip.info == (*SIZE, 25, 4, "ffmpeg_default")
    assert any("has 10 bits a channel; they were rounded to 8" in note for note in clip.notes)
    y = (np.linspace(64, 940, SIZE[0] * SIZE[1]).round().reshape(SIZE[::-1]) - 64) / 876
    u, v = np.zeros_like(y), np.zeros_like(y)
    u[:], v[:] = (400 - 512) / 896, (620 - 512) / 896
    red, blue = y + 1.402 * v, y + 1.772 * u
    exact = 255 * np.stack([red, (y - 0.299 * red - 0.114 * blue) / 0.587, blue], -1).clip(0, 1)
    for rgb in clip:
        assert np.abs(rgb - exact).max() < 0.6


def test_an_option_says_the_format_and_may_contradict_the_name(tmp_path: Path) -> None:
    ten_bits(tmp_path / "a.yuv")
    expected = list(Clip(ten_bits(tmp_path / "a_10bit.yuv"), size=SIZE))
    np.testing.assert_array_equal(list(Clip(tmp_path / "a.yuv", size=SIZE, pixels="yuv420p10")), expected)
    (tmp_path / "a_10bit.yuv").write_bytes(bytes(frame_bytes("yuv420p", *SIZE)))
    (note,) = Clip(tmp_path / "a_10bit.yuv", size=SIZE, pixels="yuv420p").notes
    assert note.endswith("was read as yuv420p, as the option says; its name says yuv420p10le.")
    with pytest.raises(LicError, match=r"'h264'.*is no format of raw frames"):
        Clip(tmp_path / "a.yuv", size=SIZE, pixels="h264")


def test_what_length_or_samples_contradict_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LicError, match=r"every second byte of its first frame is below 16.*--format yuv420p10le"):
        Clip(ten_bits(tmp_path / "a.yuv"), size=SIZE)  # its length is one of whole 8-bit frames, too
    eight = np.random.default_rng(0).integers(16, 236, 2 * frame_bytes("yuv420p", *SIZE)).astype(np.uint8)
    (tmp_path / "a_10bit.yuv").write_bytes(eight.tobytes())
    with pytest.raises(LicError, match=r"its first frame has the sample \d+, and 10 bits end at 1023"):
        Clip(tmp_path / "a_10bit.yuv", size=SIZE)
    (tmp_path / "b.yuv").write_bytes(eight.tobytes()[: frame_bytes("yuv422p", *SIZE)])
    with pytest.raises(LicError, match=r"not whole frames .* in yuv420p; .* of yuv422p \(--format\)"):
        Clip(tmp_path / "b.yuv", size=SIZE)


def test_a_set_of_raw_clips_has_the_rule_too(tmp_path: Path) -> None:
    ten_bits(tmp_path / "a_96x64_10bit.yuv")
    ten_bits(tmp_path / "b_96x64_50fps_420_10bit_YUV.yuv")
    first, second = sequences(tmp_path)
    assert (first.size, first.rate, second.rate) == (SIZE, 25, 50)  # 10bit is no rate
    np.testing.assert_array_equal(list(first.clip()), list(second.clip()))
    assert next(iter(first.clip())).std() > 40
    assert len(first.digest()) == 64 and first.digest() == second.digest()
    renamed = first.path.rename(tmp_path / "b_96x64_p010.yuv")
    assert first._replace(path=renamed).digest() != second.digest()  # the same bytes, other frames
