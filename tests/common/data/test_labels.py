"""Classes are folders."""

from pathlib import Path

import pytest

from common.data.labels import class_names, classes_of
from common.errors import LicError


def test_classes_are_folders(tmp_path: Path) -> None:
    files = [tmp_path / "a" / "10" / "x.png", tmp_path / "a" / "9" / "deep" / "y.png", tmp_path / "b" / "10" / "z.png"]
    names = class_names(files, [tmp_path / "a", tmp_path / "b"])
    assert names == ["10", "9", "10"] and classes_of(names) == ["9", "10"]
    with pytest.raises(LicError, match="has no label"):
        class_names([tmp_path / "a" / "x.png"], [tmp_path / "a"])
