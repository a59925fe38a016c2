"""What the reader of a report calls its curves."""

from pathlib import Path

import pytest
from support.score_runs import score_run

from common.errors import LicError
from common.io import write_json
from common.report.labels import renamed
from common.results.collect import Collection, joined, read
from common.results.curves import Curve, load


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Collection:
    """Two sweeps of one curve's name, one of two curves, a classical codec."""
    monkeypatch.chdir(tmp_path)
    for folder, curve in {
        "a/1": "net",
        "a/2": "net",
        "b/1": "net",
        "c/1": "net row=x N=3",
        "c/2": "net row=y N=3",
    }.items():
        head = {"name": "net", "protocol": "image", "dataset": "d" if folder[0] == "c" else None, "curve": curve}
        write_json(tmp_path / "runs" / folder / "result.json", head | {"results": {"bpp": [1.0], "psnr-rgb": [30.0]}})
    jpeg = {"name": "JPEG", "kind": "baseline", "results": {"bpp": [1.0], "psnr-rgb": [30.0]}}
    write_json(tmp_path / "runs/a/jpeg.baseline.json", jpeg)
    score_run(tmp_path / "runs/flow", {"stereo/epe": 1.0})
    return read([tmp_path / "runs"])


def names(found: Collection, *labels: str, published: list[Curve] | None = None) -> list[tuple[str, int]]:
    new, more = renamed(found, published or [], labels)
    return [(curve.name, len(curve.points)) for curve in [*joined(new).curves, *more]]


def test_without_labels_points_join_by_what_their_files_say(runs: Collection) -> None:
    assert names(runs) == [("net", 3), ("net row=x N=3", 1), ("net row=y N=3", 1), ("JPEG", 1)]


def test_a_sweep_and_one_of_its_runs(runs: Collection) -> None:
    assert names(runs, "runs/a=mine, N=192")[:2] == [("mine, N=192", 2), ("net", 1)]
    assert names(runs, "runs/a/2=best", "runs/a=mine")[:3] == [("mine", 1), ("best", 1), ("net", 1)]
    assert names(runs, "runs/a=all", "runs/b=all")[0] == ("all", 3)


def test_names_and_files(runs: Collection) -> None:
    write_json(Path("vtm.json"), {"name": "VTM", "results": {"bpp": [1.0], "psnr-rgb": [30.0]}})
    labels = ["net row=x=full", "net row=y N=3=none", "runs/a/jpeg.baseline.json=JPEG 4:2:0", "VTM=VTM-12"]
    found = names(runs, *labels, published=[load(Path("vtm.json"))])
    assert [name for name, _ in found] == ["net", "full", "none", "JPEG 4:2:0", "VTM-12"]


def test_runs_without_a_rate(runs: Collection) -> None:
    new, _ = renamed(runs, [], ["runs/flow=PWC"])
    assert [score.name for score in new.scores] == ["PWC"]


@pytest.mark.parametrize(
    ("label", "sentence"),
    [
        ("runs/none=x", r"runs/none is neither a folder with runs of this report nor a curve \(net, "),
        ("runs/c=x", r"runs/c holds 2 curves; give the name of one \(net row=x N=3, net row=y N=3\)"),
        ("runs/a=", "say what runs/a is to be called"),
        ("runs/a", "give RUN=TEXT"),
        ("runs/a=JPEG", "'JPEG' is what another curve of the report is called"),
    ],
)
def test_what_no_label_is(runs: Collection, label: str, sentence: str) -> None:
    with pytest.raises(LicError, match=sentence):
        names(runs, label)
