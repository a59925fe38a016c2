"""`lic bench` on pictures and on clips."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.clips import moving

from common.baselines import codecs
from common.data.video_writing import write_clip

Lic = Callable[..., int]


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    write_clip(folder / "pan.mkv", moving(80, 70, 5), 25)
    write_clip(folder / "frames", moving(66, 64, 3, seed=1), 25)
    return folder


def content(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def test_clips_by_a_protocol(lic: Lic, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    command = ["bench", str(clips), "--protocol", "dvc_gop", "--codecs", "x264", "--qualities", "23,27"]
    assert lic(*command) == 0
    out = capsys.readouterr().out
    file = tmp_path / "bench/clips/x264.dvc_gop.baseline.json"
    assert "H.264 (x264) on 2 clips" in out and file.name in out
    measured = content(file)
    assert measured["protocol"] == "dvc_gop" and measured["dataset"].startswith("clips 2 sequences ")
    assert measured["conditions"] == {
        "protocol": "dvc_gop", "gop": 12, "frames": 100, "crop": 64, "conversion": "ffmpeg_default",
    }  # fmt: skip
    sizes = {(r["sequence"], r["width"], r["height"], r["frames"]) for r in measured["sequences"]}
    assert sizes == {("frames", 64, 64, 3), ("pan", 64, 64, 5)}

    before = file.stat().st_mtime_ns
    assert lic(*command) == 0 and file.stat().st_mtime_ns == before
    assert lic(*command, "--gop", "2", "--frames", "3") == 0 and file.stat().st_mtime_ns == before
    other = content(file.with_name("x264.dvc_gop+gop-2+frames-3.baseline.json"))
    assert other["name"] == "H.264 (x264) gop=2 frames=3" and other["dataset"] == measured["dataset"]
    assert {r["frames"] for r in other["sequences"]} == {3}
    assert all(r["bits"][2] > 2 * r["bits"][1] for r in other["frames"])  # the second intra frame


def test_a_file_by_the_protocol_that_does_not_crop(lic: Lic, clips: Path, tmp_path: Path) -> None:
    command = ["bench", str(clips / "pan.mkv"), "--protocol", "dcvc_ip32", "--codecs", "x264", "--qualities", "27"]
    assert lic(*command, "--name", "mine", "--out", str(tmp_path / "out"), "--workers", "1") == 0
    measured = content(tmp_path / "out/x264.dcvc_ip32.baseline.json")
    assert measured["dataset"].startswith("mine 1 sequence ") and measured["conditions"]["conversion"] == "bt709"
    assert [(r["sequence"], r["width"], r["height"]) for r in measured["sequences"]] == [("pan", 80, 70)]


def test_damaged_clips_are_refused_before_work_and_conversions_said(
    lic: Lic, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (clips / "ten_64x64_25_10bit.yuv").write_bytes(np.full(3 * 64 * 64 * 3 // 2, 512, "<u2").tobytes())
    command = ["bench", str(clips), "--protocol", "dvc_gop", "--codecs", "x264", "--qualities", "27"]
    assert lic(*command) == 0
    assert "10 bits a channel; they were rounded to 8" in " ".join(capsys.readouterr().out.split())
    measured = content(tmp_path / "bench/clips/x264.dvc_gop.baseline.json")
    assert {(r["sequence"], r["frames"]) for r in measured["sequences"]} >= {("ten_64x64_25_10bit", 3)}
    damaged = bytearray((clips / "pan.mkv").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (clips / "pan.mkv").write_bytes(damaged)
    assert lic(*command, "--out", str(tmp_path / "out")) == 2
    assert "1 of the 3 test clips cannot be read (pan)" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_pictures_as_before(lic: Lic, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert lic("bench", str(photographs), "--codecs", "jpeg", "--qualities", "30,60", "--name", "two") == 0
    measured = content(tmp_path / "bench/two/jpeg.baseline.json")
    assert measured["protocol"] == "image" and measured["dataset"].startswith("two 2 pictures ")
    assert measured["results"]["quality"] == [30, 60] and "JPEG on 2 pictures" in capsys.readouterr().out
    assert measured["encoder"] == "jpg" and measured["version"].startswith("Pillow ")
    assert measured["command"] == "PIL.Image.save(OUT, 'JPEG', quality=Q, optimize=True)"
    digests = {image["sha256"] for image in measured["images"]}
    assert len(digests) == 4 and all(len(digest) == 64 for digest in digests)


def test_slow_and_lossless_codecs_are_measured_only_by_name(
    lic: Lic, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """The default is every codec that works here and is neither slow nor lossless; what is left out is said."""
    assert lic("bench", str(photographs), "--qualities", "20") == 0
    made = {path.name.partition(".")[0] for path in (tmp_path / "bench").rglob("*.baseline.json")}
    works = codecs.available().codecs
    assert made == {name for name, codec in works.items() if not codec.by_name} and "jpeg" in made
    apart = ", ".join(name for name, codec in works.items() if codec.by_name)
    said = " ".join(capsys.readouterr().out.split())
    assert f"Left out, as they are slow or lossless: {apart}. Name them with --codecs." in said and "png" in apart


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pan.mkv"], "pan.mkv is a clip: say by which protocol it is to be measured, with --protocol."),
        ([".", "--gop", "10"], "--gop and --frames are of clips: give --protocol, too."),
        ([".", "--protocol", "image"], "There is no protocol 'image' of clips: choose from dcvc_ip32, dvc_gop."),
        ([".", "--protocol", "dvc_gop", "--gop", "0"], "--gop takes a whole number from 1 on, not 0."),
        ([".", "--workers", "-1"], "--workers takes a whole number from 1 on, not -1."),
        (
            [".", "--protocol", "dvc_gop", "--codecs", "jpeg"],
            "There is no codec 'jpeg': choose from x264, x265, av1, aom, vvc.",
        ),
        ([".", "--protocol", "dvc_gop", "--qualities", "1,x"], "--qualities takes whole numbers"),
        (
            ["frames/000000.png", "--protocol", "dvc_gop"],
            "000000.png is a picture; give the folder that holds the frames",
        ),
        (["gone", "--protocol", "dvc_gop"], "gone does not exist; check the path to the clips."),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str],
    said: str,
    lic: Lic,
    clips: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(clips)
    assert lic("bench", *arguments) == 2
    message = capsys.readouterr().err
    assert message.startswith("lic bench: ") and said in message and message.count("\n") == 1


def test_help_says_what_the_protocols_are(lic: Lic, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        lic("bench", "--help")
    out = capsys.readouterr().out
    assert "dvc_gop    GOP 12, at most 100 frames, cropped to a multiple of 64, ffmpeg_default" in out
    assert "dcvc_ip32  GOP 32, at most 96 frames, whole pictures, bt709" in out
