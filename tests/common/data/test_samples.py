import pytest

from common.data import samples
from common.data.image_io import read_picture
from common.errors import LicError


def test_the_photographs_are_there_and_can_be_read() -> None:
    train, held_out = samples.train_photographs(), samples.held_out_photographs()
    assert len(train) == 10 and not set(train) & set(held_out)
    assert [path.name for path in held_out] == ["astronaut.png", "chelsea.png", "coffee.png"]
    colour = [path.name for path in train if not read_picture(path).grey]
    assert len(colour) == 6
    for path in held_out:
        picture = read_picture(path)
        assert not picture.grey and picture.notes == () and min(picture.rgb.shape[:2]) >= 300


def test_a_missing_photograph_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "_HELD_OUT", ("nobody.png",))
    with pytest.raises(LicError, match=r"nobody\.png.*scikit-image"):
        samples.held_out_photographs()
