"""Labelled pictures that scikit-learn's package carries."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data.digits import enlarged, read_digits


def test_digits_are_written_in_folders_for_each_class(
    lic: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "digits"
    assert lic("data", "digits", str(out)) == 0
    assert "wrote 1437 digits to train on and 360 to test on" in capsys.readouterr().out
    assert sorted(path.name for path in (out / "test").iterdir()) == [str(k) for k in range(10)]
    digits, labels = read_digits()
    for number in (0, 5, 6, 1796):
        file = out / ("test" if number % 5 == 0 else "train") / str(labels[number]) / f"{number:04}.png"
        with Image.open(file) as picture:
            assert (np.asarray(picture.convert("RGB")) == enlarged(digits[number])).all()
    assert lic("data", "digits", str(out)) == 2
    assert "is not an empty folder" in capsys.readouterr().err


def test_ink_is_black() -> None:
    digit = np.zeros((8, 8), np.uint8)
    digit[2:6, 2:6] = 16
    large = enlarged(digit)
    assert large.shape == (64, 64, 3) and (large[0, 0] == 255).all() and (large[32, 32] == 0).all()
