"""A measure of one's own, as the documentation has it, from the command line to the report."""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import textured

from common.report.writer import write_report
from common.results.curves import load

PAGE = Path(__file__).parents[2] / "docs/pages/own_codec.md"


@pytest.fixture
def my_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the page shows, where it says they are."""
    for block in re.findall(r"```(?:python|yaml)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        named = re.search(r"^# (my_lab/(?:metrics\.py|conf/metric/\w+\.yaml))", block, re.MULTILINE)
        if named:
            (tmp_path / named[1]).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / named[1]).write_text(block)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path / "my_lab"


def edges(x: np.ndarray, x_hat: np.ndarray) -> float:
    error = x_hat.astype(float) - x
    return float(np.abs(np.diff(error, axis=0)).mean() + np.abs(np.diff(error, axis=1)).mean())


def test_a_measure_of_ones_own(
    lic: Callable[..., int], tmp_path: Path, my_lab: Path, capsys: pytest.CaptureFixture
) -> None:
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    for n in range(2):
        Image.fromarray(textured(170, 180, n)).save(photographs / f"{n}.png")
    own = ["--config-dir", str(my_lab / "conf")]
    model = ["model=image/factorized", "trainer.max_steps=1", "lmbda=0.01,0.02", "name=own", "metric=edges"]
    assert lic("train", "-m", *own, *model, f"data.test={photographs}", "report.enabled=false") == 0
    runs = sorted(file.parent for file in tmp_path.glob("runs/own/*/result.json"))
    assert len(runs) == 2
    result = json.loads((runs[0] / "result.json").read_text())
    rows = list(csv.DictReader((runs[0] / "images.csv").open()))
    for row, image in zip(rows, result["images"], strict=True):
        original, decoded = (
            np.asarray(Image.open(file)) for file in (row["source"], runs[0] / "pictures" / f"{row['file']}.png")
        )
        assert float(row["edges"]) == image["edges"] == pytest.approx(edges(original, decoded), rel=1e-4)
    assert result["results"]["edges"] == [pytest.approx(np.mean([image["edges"] for image in result["images"]]))]
    assert result["metrics"]["edges"]["title"] == "edge error" and "edges" not in result["curve"]

    assert lic("eval", *own, f"run={runs[0]}", f"data.test={photographs}", "metric=[edges,ssim]", "name=again") == 0
    (evaluated,) = tmp_path.glob("runs/again/*/result.json")
    assert json.loads(evaluated.read_text())["results"].keys() >= {"edges", "ssim", "psnr-rgb"}
    (point,) = load(evaluated).points
    assert point.quality("edges") == -result["results"]["edges"][0]  # less is better

    file = my_lab / "conf/metric/edges.yaml"
    file.write_text(file.read_text().replace("# @package", "# package"))
    assert lic("eval", *own, f"run={runs[0]}", f"data.test={photographs}", "metric=edges", "name=wrong") == 2
    assert "begins with a line '# @package protocol.metrics.NAME'" in capsys.readouterr().out

    report = write_report([tmp_path / "runs/own"], tmp_path / "report")
    assert (tmp_path / "report/rd_edges.png").exists()
    markdown = (tmp_path / "report/report.md").read_text()
    assert "edge error (levels, less is better)" in markdown and "![rd_edges](rd_edges.png)" in markdown
    assert "edges" in (tmp_path / "report/points.csv").read_text().splitlines()[0]
    assert "<figcaption>edge error</figcaption>" in (tmp_path / "report/report.html").read_text()
    assert report.files
