"""The ffmpeg program of the extra `anchors`: what it says when it fails, and that it ends with whoever started it."""

import pytest

from common import ffmpeg_program
from common.errors import LicError
from common.ffmpeg_program import Feed, lacking, run

pytestmark = pytest.mark.skipif(ffmpeg_program.program() is None, reason="needs the extra anchors")
GREY = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", "4x2", "-i", "pipe:0", "-f", "rawvideo"]


def test_what_goes_in_comes_out() -> None:
    assert run([*GREY, "pipe:1"], bytes(range(8))) == bytes(range(8))


def test_a_failure_is_the_programs_own_sentence() -> None:
    with pytest.raises(LicError, match="no_such_filter"):
        run([*GREY[:-2], "-vf", "no_such_filter", "-f", "null", "-"], bytes(8))
    with (
        pytest.raises(LicError, match="no_such_filter"),
        Feed([*GREY[:-2], "-vf", "no_such_filter", "-f", "null", "-"]) as feed,
    ):
        for _ in range(1000):  # longer than a pipe holds: it has ended by then
            feed.write(bytes(8 * 4096))
        feed.finish()


def test_it_ends_where_the_caller_leaves() -> None:
    with pytest.raises(KeyboardInterrupt), Feed([*GREY[:-2], "-f", "null", "-"]) as feed:
        feed.write(bytes(8))
        raise KeyboardInterrupt
    assert feed._process.poll() is not None


def test_what_is_lacking_is_named() -> None:
    assert lacking("It", "encoder", "libx264") is None and lacking("It", "filter", "psnr") is None
    assert "It needs an ffmpeg with no_such_encoder" in str(lacking("It", "encoder", "no_such_encoder"))


def test_without_the_extra_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg_program, "program", lambda: None)
    with pytest.raises(LicError, match="extra anchors"):
        run(GREY, b"")
    assert "pip install" in str(lacking("It", "encoder", "libx264"))


def test_what_never_ends_is_stopped() -> None:
    for_ever = ["-re", "-f", "lavfi", "-i", "color", "-f", "null", "-"]
    with pytest.raises(LicError, match=r"did not end within 0\.5 s"):
        run(for_ever, b"", seconds=0.5)
