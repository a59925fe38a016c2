from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from common.data.clip_display import Turn
from common.data.video_files import Clip
from common.errors import LicError

RATE = Fraction(25)
COLOUR = np.array([120, 100, 150])  # Y, U, V


def write(
    path: Path,
    planes: NDArray[np.uint8],
    prepare: Callable[[av.VideoStream], None] = lambda stream: None,
    **options: str,
) -> Path:
    """A yuv420p clip of three equal frames, without loss."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"qp": "0", **options})
        stream.height, stream.width, stream.pix_fmt = len(planes) * 2 // 3, planes.shape[1], "yuv420p"
        prepare(stream)
        for t in range(3):
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = t, 1 / RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def flat() -> NDArray[np.uint8]:
    planes = np.full((48, 64), COLOUR[0], np.uint8)
    planes[32:40], planes[40:] = COLOUR[1:, None, None]
    return planes


def exact(kr: float, kb: float, full: bool) -> NDArray[np.float64]:
    y, u, v = (COLOUR - [0, 128, 128]) / 255 if full else (COLOUR - [16, 128, 128]) / [219, 224, 224]
    red, blue = y + 2 * (1 - kr) * v, y + 2 * (1 - kb) * u
    return 255 * np.array([red, (y - kr * red - kb * blue) / (1 - kr - kb), blue])


@pytest.mark.parametrize("conversion", ["ffmpeg_default", "bt709", "flagged"])
@pytest.mark.parametrize(
    ("matrix", "kr", "kb"), [("bt709", 0.2126, 0.0722), ("smpte170m", 0.299, 0.114), ("bt2020nc", 0.2627, 0.0593)]
)
@pytest.mark.parametrize("full", [True, False])
def test_the_range_is_the_files_and_the_matrix_that_of_the_conversion(
    tmp_path: Path, conversion: str, matrix: str, kr: float, kb: float, full: bool
) -> None:
    path = write(tmp_path / "a.mp4", flat(), colorspace=matrix, color_range="pc" if full else "tv")
    clip = Clip(path, conversion=conversion)
    weights = {"ffmpeg_default": (0.299, 0.114), "bt709": (0.2126, 0.0722), "flagged": (kr, kb)}[conversion]
    for rgb in clip:
        assert np.abs(rgb - exact(*weights, full)).max() < 3
    assert any("full range, 0 to 255" in note for note in clip.notes) == full
    said = [note for note in clip.notes if "matrix" in note]
    assert len(said) == (weights != (0.299, 0.114) if conversion == "flagged" else weights != (kr, kb))


def test_a_matrix_that_cannot_be_converted_is_refused_unless_one_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", flat(), colorspace="ycgco")
    with pytest.raises(LicError, match=r"AVColorSpace 8.*say --conversion ffmpeg_default or bt709"):
        Clip(path, conversion="flagged")
    (note,) = Clip(path).notes
    assert "says that its matrix is AVColorSpace 8; it was read by BT.601" in note


def corner() -> NDArray[np.uint8]:
    """Light in the upper half, lightest at its left: 48x32 pixels."""
    planes = np.full((48, 48), 128, np.uint8)
    planes[:32] = 40
    planes[:16], planes[:16, :24] = 150, 220
    return planes


TURNS = {  # x' = a x + c y, y' = b x + d y, y downward: (a, b, c, d) -> what is to be seen
    (1, 0, 0, 1): lambda rgb: rgb,
    (0, -1, 1, 0): lambda rgb: np.rot90(rgb, 1),
    (0, 1, -1, 0): lambda rgb: np.rot90(rgb, -1),
    (-1, 0, 0, -1): lambda rgb: np.rot90(rgb, 2),
    (-1, 0, 0, 1): lambda rgb: rgb[:, ::-1],
    (1, 0, 0, -1): lambda rgb: rgb[::-1],
    (0, 1, 1, 0): lambda rgb: rgb.transpose(1, 0, 2),
    (0, -1, -1, 0): lambda rgb: rgb[::-1, ::-1].transpose(1, 0, 2),
}


@pytest.mark.parametrize("abcd", TURNS)
def test_a_display_matrix_is_done_and_said(tmp_path: Path, abcd: tuple[int, int, int, int]) -> None:
    a, b, c, d = (65536 * value for value in abcd)
    plain = list(Clip(write(tmp_path / "plain.mp4", corner())))
    path = write(
        tmp_path / "a.mp4", corner(), lambda stream: stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
    )
    clip = Clip(path)
    expected = TURNS[abcd](plain[0])
    assert clip.info[:2] == (expected.shape[1], expected.shape[0])
    for rgb in clip:
        np.testing.assert_array_equal(rgb, expected)
    assert (abcd == (1, 0, 0, 1)) == (clip.notes == ())
    assert all("as it says" in note for note in clip.notes)


def test_turns_in_words() -> None:
    assert str(Turn(True, True, False)) == "turned by 90 degrees to the left"
    assert str(Turn(False, True, True)) == "turned by 180 degrees"


def test_what_is_left_as_it_is_is_said(tmp_path: Path) -> None:
    def wide(stream: av.VideoStream) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    (note,) = Clip(write(tmp_path / "a.mp4", flat(), wide)).notes
    assert "pixels that are not square (4:3); its frames are taken as they are stored, 64x32" in note
    interlaced = write(tmp_path / "b.mp4", flat(), **{"x264-params": "tff=1"})
    assert any("is interlaced" in note for note in Clip(interlaced).notes)
    hdr = write(tmp_path / "c.mp4", flat(), color_trc="smpte2084")
    assert any("is HDR (PQ)" in note for note in Clip(hdr).notes)
