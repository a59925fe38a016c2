from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from common.data.video_files import Clip, exact_rate
from common.data.video_writing import write_clip
from common.errors import LicError

WEIGHTS = {"ffmpeg_default": (0.299, 0.114), "bt709": (0.2126, 0.0722)}  # of R and B in luma: BT.601, BT.709
COLOURS = np.array(  # Y, U, V of flat patches
    [(y, u, v) for y in (16, 60, 125, 180, 235) for u in (16, 90, 128, 170, 240) for v in (16, 90, 128, 170, 240)]
)


def noise(count: int, height: int, width: int) -> list[NDArray[np.uint8]]:
    return list(np.random.default_rng(height).integers(0, 256, (count, height, width, 3)).astype(np.uint8))


def smooth(count: int, height: int = 48, width: int = 64) -> list[NDArray[np.uint8]]:
    y, x = np.mgrid[:height, :width]
    return [
        np.stack([2 * x + 4 * t, 3 * y + 2 * t, 255 - x - y - t], -1).clip(0, 255).astype(np.uint8)
        for t in range(count)
    ]


def encode(path: Path, codec: str, pixels: str, count: int = 20, movflags: str = "", **options: str) -> Path:
    """A video as other programs make them."""
    with av.open(str(path), "w", options={"movflags": movflags} if movflags else {}) as container:
        stream = container.add_stream(codec, rate=Fraction(30000, 1001), options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        for t, rgb in enumerate(smooth(count)):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = t, Fraction(1001, 30000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def matrix(
    yuv: NDArray[np.int64], conversion: str, luma: float = 219, chroma: float = 224, black: int = 16
) -> NDArray[np.float64]:
    """The definition: luma is the weighted mean of R, G and B; U and V are the scaled differences of B and R to it."""
    of_red, of_blue = WEIGHTS[conversion]
    y, u, v = (yuv[..., 0] - black) / luma, (yuv[..., 1] - 128) / chroma, (yuv[..., 2] - 128) / chroma
    red, blue = y + 2 * (1 - of_red) * v, y + 2 * (1 - of_blue) * u
    green = (y - of_red * red - of_blue * blue) / (1 - of_red - of_blue)
    return np.clip(255 * np.stack([red, green, blue], -1), 0, 255)


def planes(yuv: NDArray[np.int64], height: int, width: int) -> bytes:
    """A raw 4:2:0 frame of patches of 4 x 4 pixels, row after row."""
    columns = -(-width // 4)
    y, x = np.mgrid[:height, :width] // 4
    which = y * columns + x
    assert which.max() < len(yuv)
    luma, u, v = yuv[which, 0], yuv[which[::2, ::2], 1], yuv[which[::2, ::2], 2]
    return b"".join(plane.astype(np.uint8).tobytes() for plane in (luma, u, v))


@pytest.mark.parametrize("conversion", ["ffmpeg_default", "bt709"])
def test_raw_frames_become_rgb_by_the_matrix(tmp_path: Path, conversion: str) -> None:
    flat = [np.repeat(colour[None], 600, 0) for colour in COLOURS[::17]]
    for height, width in ((20, 100), (17, 33)):
        (tmp_path / "a.yuv").write_bytes(b"".join(planes(yuv, height, width) for yuv in [COLOURS, *flat]))
        clip = Clip(tmp_path / "a.yuv", size=(width, height), conversion=conversion, rate=50)
        assert clip.info == (width, height, 50, 1 + len(flat), conversion)
        frames = list(clip)
        assert len(frames) == 1 + len(flat) and frames[0].shape == (height, width, 3)
        for rgb, yuv in zip(frames[1:], flat):  # every pixel, whichever way chroma is upsampled
            assert np.abs(rgb - matrix(yuv[:1, None], conversion)).max() < 3
        if height % 2 == 0:  # chroma is repeated
            y, x = np.mgrid[:height, :width] // 4
            assert np.abs(frames[0] - matrix(COLOURS[y * 25 + x], conversion)).max() < 3
    other = {"bt709": "ffmpeg_default", "ffmpeg_default": "bt709"}[conversion]
    assert np.abs(matrix(COLOURS, conversion) - matrix(COLOURS, other)).max() > 20


@pytest.mark.parametrize("conversion", ["ffmpeg_default", "bt709"])
def test_what_the_file_says_of_its_matrix_changes_nothing(tmp_path: Path, conversion: str) -> None:
    for tag in ("bt709", "smpte170m", "bt2020nc"):
        with av.open(str(tmp_path / f"{tag}.mkv"), "w") as container:
            stream = container.add_stream("libx264", rate=25, options={"qp": "0", "colorspace": tag})
            stream.width, stream.height, stream.pix_fmt = 100, 20, "yuv420p"
            raw = np.frombuffer(planes(COLOURS, 20, 100), np.uint8).reshape(30, 100)
            frame = av.VideoFrame.from_ndarray(raw, format="yuv420p")
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    y, x = np.mgrid[:20, :100] // 4
    for tag in ("bt709", "smpte170m", "bt2020nc"):
        (rgb,) = Clip(tmp_path / f"{tag}.mkv", conversion=conversion)
        assert np.abs(rgb - matrix(COLOURS[y * 25 + x], conversion)).max() < 3


@pytest.mark.parametrize("conversion", ["ffmpeg_default", "bt709"])
def test_formats_of_full_range_keep_it(tmp_path: Path, conversion: str) -> None:
    with av.open(str(tmp_path / "a.avi"), "w") as container:
        stream = container.add_stream("mjpeg", rate=25, options={"qmin": "1", "qmax": "1"})
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuvj420p"
        for y, u, v in ((5, 128, 128), (250, 128, 128), (120, 100, 150)):
            raw = np.full((48, 32), y, np.uint8)
            raw[32:40], raw[40:] = u, v
            frame = av.VideoFrame.from_ndarray(raw, format="yuvj420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    dark, light, mild = Clip(tmp_path / "a.avi", conversion=conversion)
    assert abs(int(dark.mean()) - 5) <= 3 and abs(int(light.mean()) - 250) <= 3
    expected = matrix(np.array([120, 100, 150]), conversion, luma=255, chroma=255, black=0)
    assert np.abs(mild - expected).max() < 6


def test_raw_rgb(tmp_path: Path) -> None:
    frames = noise(3, 5, 7)
    (tmp_path / "a.RGB").write_bytes(b"".join(map(np.ndarray.tobytes, frames)))
    clip = Clip(tmp_path / "a.RGB", size=[7, 5])
    assert clip.info == (7, 5, 25, 3, None)
    np.testing.assert_array_equal(list(clip), frames)


def test_a_video_of_another_program(tmp_path: Path) -> None:
    clip = Clip(encode(tmp_path / "a.mp4", "libx264", "yuv420p", crf="10"))
    assert clip.info == (64, 48, Fraction(30000, 1001), 20, "ffmpeg_default")
    for rgb, expected in zip(clip, smooth(20), strict=True):
        assert np.abs(rgb.astype(int) - expected).mean() < 4
    assert Clip(tmp_path / "a.mp4", rate=10).info.rate == 10


def test_frames_are_read_and_written_one_by_one(tmp_path: Path) -> None:
    taken = 0

    def frames() -> Iterator[NDArray[np.uint8]]:
        nonlocal taken
        for rgb in noise(6, 16, 16):
            taken += 1
            yield rgb

    write_clip(tmp_path / "a.mkv", frames(), 25)
    one, other = iter(Clip(tmp_path / "a.mkv")), iter(Clip(tmp_path / "a.mkv"))
    next(one)
    np.testing.assert_array_equal([next(one), next(other)], [noise(6, 16, 16)[1], noise(6, 16, 16)[0]])
    copied = write_clip(tmp_path / "b.mkv", (rgb for rgb in Clip(tmp_path / "a.mkv")), 25)
    assert copied == taken == 6


def test_pictures_are_taken_in_natural_order(tmp_path: Path) -> None:
    for n in (10, 9, 1, 100):
        Image.new("RGB", (4, 4), (n, 0, 0)).save(tmp_path / f"frame_{n}.png")
    (tmp_path / "readme.txt").touch()
    Image.new("RGB", (5, 5)).save(tmp_path / ".hidden.png")
    assert [int(rgb[0, 0, 0]) for rgb in Clip(tmp_path)] == [1, 9, 10, 100]
    (note,) = Clip(tmp_path).notes
    assert "seems to lack frames: frame_9.png follows frame_1.png; its 4 pictures are taken" in note
    for n in (1, 100):
        (tmp_path / f"frame_{n}.png").unlink()
    assert Clip(tmp_path).notes == ()


def test_pictures_of_several_sizes_are_refused(tmp_path: Path) -> None:
    for n, side in enumerate((4, 4, 5)):
        Image.new("RGB", (side, 4)).save(tmp_path / f"{n}.png")
    frames = iter(Clip(tmp_path))
    next(frames), next(frames)
    with pytest.raises(LicError, match=r"2\.png has 5x4 pixels and those before it 4x4"):
        next(frames)


def test_what_is_no_clip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LicError, match=r"a\.mp4 does not exist"):
        Clip(tmp_path / "a.mp4")
    (tmp_path / "a.mp4").write_bytes(bytes(1000))
    with pytest.raises(LicError, match=r"a\.mp4 is not a video that FFmpeg can open"):
        Clip(tmp_path / "a.mp4")
    with pytest.raises(LicError, match="no conversion 'bt601'; choose one of ffmpeg_default, bt709, flagged"):
        Clip(tmp_path / "a.mp4", conversion="bt601")
    with pytest.raises(LicError, match="says its size itself"):
        Clip(tmp_path / "a.mp4", size=(3, 4))
    with pytest.raises(LicError, match="must be positive"):
        Clip(tmp_path / "a.mp4", rate=0)
    with pytest.raises(LicError, match="holds no pictures"):
        Clip(tmp_path)


def test_raw_files_must_hold_whole_frames(tmp_path: Path) -> None:
    (tmp_path / "a.yuv").write_bytes(bytes(2 * (33 * 17 + 2 * 17 * 9)))
    assert Clip(tmp_path / "a.yuv", size=(33, 17)).info.frames == 2
    with pytest.raises(LicError, match="whose size no file says"):
        Clip(tmp_path / "a.yuv")
    with pytest.raises(
        LicError, match=r"holds 1734 bytes, which are not whole frames of 33x18 pixels \(900 bytes each\) in yuv420p"
    ):
        Clip(tmp_path / "a.yuv", size=(33, 18))
    with pytest.raises(LicError, match="cannot hold frames of 0x17 pixels"):
        Clip(tmp_path / "a.yuv", size=(0, 17))
    (tmp_path / "a.yuv").write_bytes(b"")
    with pytest.raises(LicError, match="holds 0 bytes"):
        Clip(tmp_path / "a.yuv", size=(33, 17))


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "options"),
    [
        ("a.mp4", "libx264", "yuv420p", {"movflags": "faststart", "g": "5", "qp": "5"}),
        ("a.mkv", "ffv1", "bgr0", {"level": "3"}),
        ("b.mkv", "libx264", "yuv420p", {"g": "5", "qp": "5", "bf": "2"}),
        ("a.avi", "mjpeg", "yuvj420p", {}),
        ("a.y4m", "wrapped_avframe", "yuv420p", {}),
    ],
)
def test_a_file_cut_short_names_the_frame(
    tmp_path: Path, name: str, codec: str, pixels: str, options: dict[str, str]
) -> None:
    path = encode(tmp_path / name, codec, pixels, **options)
    assert len(list(Clip(path))) == 20
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 55 // 100])
    seen = 0
    with pytest.raises(LicError, match=r"is damaged.* frame \d+ \(from 0\)") as raised:
        for _ in Clip(path):
            seen += 1
    assert 3 <= seen < 15 and f"frame {seen} (from 0)" in str(raised.value)


def test_damage_in_the_middle_names_the_frame(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.avi", "mjpeg", "yuvj420p")
    content = bytearray(path.read_bytes())
    starts = [at for at in range(len(content)) if content[at : at + 3] == b"\xff\xd8\xff"]  # of the frames
    assert len(starts) == 20
    content[starts[12] : starts[13] - 8] = bytes(starts[13] - 8 - starts[12])
    path.write_bytes(content)
    with pytest.raises(LicError, match=r"a\.avi is damaged: frame 12 \(from 0\)"):
        list(Clip(path))


def test_rates() -> None:
    assert exact_rate(29.97) == Fraction(30000, 1001) and exact_rate(23.976) == Fraction(24000, 1001)
    assert exact_rate(30) == 30 and exact_rate(12.5) == Fraction(25, 2)
    assert exact_rate(Fraction(2997, 100)) == Fraction(2997, 100)  # what is exact stays so
    for wrong in (0, -1, float("nan"), float("inf")):
        with pytest.raises(LicError, match="must be positive"):
            exact_rate(wrong)
