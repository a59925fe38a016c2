"""What a result file is taken for, by hand-written ones of every kind."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from common.errors import LicError
from common.results.record import Modality, Record, read_record

IMAGES = [{"file": "a.png", "bpp": 1.0, "psnr": 30.0, "ms_ssim": 0.9}, {"file": "b", "bpp": 2, "psnr": None}]


@pytest.mark.parametrize(
    ("content", "kind", "names"),
    [
        ({"protocol": "image", "results": {"bpp": [1.5]}, "images": IMAGES}, Modality.IMAGE, ["a", "b"]),
        ({"results": {"bpp": [1]}, "sequences": [{"sequence": "a.png", "bpp": 1.0}]}, Modality.VIDEO, ["a.png"]),
        ({"protocol": "flow", "results": {"sintel/epe": [1.0]}, "pairs": [{"pair": "x"}]}, Modality.FLOW, []),
        ({"results": {"bpp": [1.0], "psnr-rgb": [30.0]}}, None, []),
        ({"images": [None, {"bpp": 1}, {"file": "a", "bpp": True}, {"file": "c", "bpp": 1}]}, Modality.IMAGE, ["c"]),
        ([1], None, []),
    ],
)
def test_kinds_and_parts(content: Any, kind: Modality | None, names: list[str]) -> None:
    record = Record(Path("result.json"), content)
    assert record.kind is kind and [part.name for part in record.parts] == names


def test_parts_of_one_quality() -> None:
    images = [{**IMAGES[0], "quality": quality} for quality in (10, 20)]
    record = Record(Path("jpeg.baseline.json"), {"images": images})
    assert [part.record["quality"] for part in record.at(20)] == [20] and record.at(None) == []


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    for names in (["a"], ["a", "b"]):
        file.write_text(json.dumps({"images": [{"file": name, "bpp": 1.0} for name in names]}))
        os.utime(file, ns=(len(names), len(names)))
        assert [part.name for part in read_record(file).parts] == names
    assert read_record(file) is read_record(file)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(LicError, match="cannot be read"):
        read_record(tmp_path / "result.json")
