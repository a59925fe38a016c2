"""`lic flow` as a stranger calls it, and `lic eval` of a flow run."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import textured

import lic_flow
import lic_image
from common.data.flow_files import read_flow
from common.errors import LicError
from lic_flow.files import estimate_file

Lic = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, lic: Lic) -> Path:
    """A flow run of one step, and two pictures."""
    assert lic("train", "model=flow/deeppynet", "debug=step", "data.test=[procedural_test]") == 0
    picture = textured(40, 56)
    Image.fromarray(picture).save(tmp_path / "first.png")
    Image.fromarray(np.roll(picture, 2, 1)).save(tmp_path / "second.png")
    Image.fromarray(picture[:30]).save(tmp_path / "small.png")
    (result,) = tmp_path.glob("runs/debug/*/result.json")
    return result.parent


def test_flow_of_two_pictures(run: Path, tmp_path: Path, lic: Lic, capsys: pytest.CaptureFixture) -> None:
    pair = ["flow", "first.png", "second.png"]
    assert lic(*pair, "out.flo", "--checkpoint", str(run)) == 0
    assert "56x40, moved by" in capsys.readouterr().out
    flow, valid = read_flow(tmp_path / "out.flo")
    assert flow.shape == (2, 40, 56) and valid.all()
    for show in ("colours", "arrows", "sheet"):
        assert lic(*pair, f"{show}.png", "--show", show, "--checkpoint", str(run)) == 0
        assert np.asarray(Image.open(tmp_path / f"{show}.png")).shape[2] == 3
    assert lic(*pair, "kitti.png", "--show", "kitti", "--checkpoint", str(run)) == 0
    assert np.abs(read_flow(tmp_path / "kitti.png").flow - flow).max() <= 1 / 64

    said = estimate_file(*(str(tmp_path / name) for name in ("first.png", "second.png", "again.flo")), str(run))
    assert "moved by" in said and (read_flow(tmp_path / "again.flo").flow == flow).all()

    first, second = (np.asarray(Image.open(tmp_path / f"{name}.png")) for name in ("first", "second"))
    trained = lic_flow.load(run)
    assert np.array_equal(trained.estimate(first, second), flow) and "epe" in " ".join(trained.results)
    with pytest.raises(LicError, match="of one size"):
        trained.estimate(first, second[:30])
    with pytest.raises(LicError, match="codes no photographs"):
        lic_image.load(run)

    for wrong, sentence in (
        (["first.png", "small.png", "x.flo"], "must have one size"),
        (["first.png", "second.png", "x.jpg"], "neither .flo nor .pfm nor .png"),
        (["first.png", "nothing.png", "x.flo"], "nothing.png"),
    ):
        assert lic("flow", *wrong, "--checkpoint", str(run)) == 2
        error = capsys.readouterr().err
        assert error.startswith("lic flow: ") and sentence in error and error.count("\n") == 1
    assert lic("compress", "first.png", "x.lic", "--checkpoint", str(run)) == 2
    assert "codes nothing" in capsys.readouterr().err
    assert not list(tmp_path.glob("x.*"))

    assert lic("info", str(run)) == 0 and "run of deeppynet, finished" in capsys.readouterr().out

    assert lic("eval", f"run={run}") == 0  # on the run's own test sets, by its own protocol
    (result,) = tmp_path.glob("runs/eval/*/result.json")
    before, after = (json.loads(file.read_text()) for file in (run / "result.json", result))
    assert after["protocol"] == "flow" and after["results"] == before["results"]
