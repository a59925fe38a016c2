"""Options of `lic compress` and `lic decompress` that are more than words."""

from fractions import Fraction
from pathlib import Path

import pytest

from common.cli import files
from common.cli.files import main, parser
from common.errors import LicError


def test_sizes_rates_and_spans() -> None:
    given = ["compress", "a", "b", "--checkpoint", "c"]
    assert parser().parse_args([*given, "--size", "352x288"]).size == (352, 288)
    assert parser().parse_args([*given, "--rate", "30000/1001"]).rate == Fraction(30000, 1001)
    assert parser().parse_args([*given, "--rate", "29.97"]).rate == 29.97
    given = ["decompress", *given[1:]]
    assert parser().parse_args([*given, "--frames", "30:40"]).frames == (30, 40)
    assert parser().parse_args([*given, "--frames", "30:"]).frames == (30, None)


@pytest.mark.parametrize(
    "verb, option, value, sentence",
    [
        ("compress", "--size", "352", "as in 352x288, not '352'"),
        ("compress", "--size", "0x8", "as in 352x288"),
        ("compress", "--rate", "30/0", "as in 25, 29.97 or 30000/1001"),
        ("decompress", "--frames", "5:5", "as in 30:40"),
        ("decompress", "--frames", "5", "as in 30:40"),
    ],
)
def test_mistyped_ones_get_a_sentence(
    verb: str, option: str, value: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args([verb, "a", "b", "--checkpoint", "c", option, value])
    assert ended.value.code == 2 and sentence in capsys.readouterr().err


class Clips:
    def compress_file(self, source: Path, target: Path, rate: float | None = None) -> list[str]:
        return [f"{source.name} at {rate}"]

    def decompress_file(self, source: Path, target: Path) -> list[str]:
        raise AssertionError("not of a folder")


def test_a_folder_of_frames_is_a_clip_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(files, "open_files", lambda checkpoint, device: Clips())
    frames = tmp_path / "frames"
    frames.mkdir()
    (frames / "0.png").touch()
    given = [str(frames), str(tmp_path / "out.lic"), "--checkpoint", "c"]
    assert main(["compress", *given, "--rate", "25"]) == 0
    assert capsys.readouterr().out == "frames at 25.0\n"
    with pytest.raises(LicError, match=r"holds no \.lic file"):
        main(["decompress", *given])
    with pytest.raises(LicError, match="there is no file"):
        main(["compress", str(tmp_path / "none"), *given[1:]])
