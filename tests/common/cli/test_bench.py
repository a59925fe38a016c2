import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from common.baselines.codecs import available
from common.baselines.measure import bench, is_current, measure
from common.cli.bench import main
from common.errors import LicError
from common.io import write_json
from common.results.curves import load

JPEG = available().codecs["jpeg"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name, size in (("a", (24, 33)), ("b", (170, 161))):
        x = np.cumsum(rng.normal(0, 4, (*size, 3)), axis=1) + 128
        path = tmp_path / "pictures" / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.clip(x, 0, 255).astype(np.uint8)).save(path)
    return tmp_path / "pictures"


def test_measure_agrees_with_pillow_and_scikit_image(folder: Path) -> None:
    paths = sorted(folder.iterdir())
    steps: list[None] = []
    data = measure(JPEG, paths, "two", [20, 80], workers=2, step=lambda: steps.append(None))
    assert len(steps) == 4
    bpp, psnr = [], []
    for path in paths:
        picture, buffer = Image.open(path), io.BytesIO()
        picture.save(buffer, "JPEG", quality=80, optimize=True)
        bpp.append(8 * buffer.tell() / (picture.width * picture.height))
        psnr.append(peak_signal_noise_ratio(np.asarray(picture), np.asarray(Image.open(buffer))))
    assert data["results"]["quality"] == [20, 80]
    assert data["results"]["bpp"][1] == pytest.approx(np.mean(bpp))
    assert data["results"]["psnr-rgb"][1] == pytest.approx(np.mean(psnr), abs=1e-4)
    assert data["results"]["ms-ssim-rgb"][1] == data["images"][3]["ms_ssim"]  # "a" is too small for it
    assert [(i["file"], i["quality"], i["width"]) for i in data["images"]] == [
        ("a", 20, 33),
        ("a", 80, 33),
        ("b", 20, 161),
        ("b", 80, 161),
    ]
    assert (data["kind"], data["protocol"], data["dataset"]) == ("baseline", "image", "two")


def test_bench_keeps_what_is_there(folder: Path, tmp_path: Path) -> None:
    paths = sorted(folder.iterdir())
    path = bench(JPEG, paths, "two", tmp_path / "out", [50])
    before = path.stat().st_mtime_ns
    assert bench(JPEG, paths, "two", tmp_path / "out", [50]).stat().st_mtime_ns == before
    assert is_current(path, JPEG, paths, "two", [50])
    assert not is_current(path, JPEG, paths, "two", [51])
    assert not is_current(path, JPEG, paths, "other", [50])
    write_json(path, json.loads(path.read_text().replace('"file": "b"', '"file": "b.png"')))  # as it once was
    assert is_current(path, JPEG, paths, "two", [50])
    write_json(path, json.loads(path.read_text().replace('"file": "b.png"', '"file": "a.png"')))
    assert not is_current(path, JPEG, paths, "two", [50])
    path.write_text("{")
    assert not is_current(path, JPEG, paths, "two", [50])


def test_nothing_to_measure() -> None:
    with pytest.raises(LicError, match="no pictures"):
        measure(JPEG, [], "none")


def test_command_writes_curves_and_skips_broken_pictures(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "broken.png").write_bytes(b"not a picture")
    out = tmp_path / "out"
    options = ["--codecs", "jpeg,webp", "--qualities", "30,90", "--out", str(out), "--workers", "2"]
    assert main([str(folder), *options]) == 0
    printed = capsys.readouterr().out
    assert "JPEG" in printed and "WebP" in printed and "How sure the BD-rates against JPEG are" in printed
    assert "1 of 3 pictures" in printed
    curve = load(out / "webp.baseline.json")
    assert curve.kind == "baseline" and curve.dataset is not None
    assert curve.dataset.startswith("pictures 2 pictures ")
    assert [point.extra["quality"] for point in curve.points] == [30, 90]
    assert json.loads((out / "jpeg.baseline.json").read_text())["dataset"] == curve.dataset


def test_command_measures_what_it_is_asked_for(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "conf/metric/mine.yaml"
    own.parent.mkdir(parents=True)
    target = "_target_: torch.nn.functional.l1_loss\n_partial_: true\n"
    own.write_text(f"# @package protocol.metrics.mine\n{target}")
    out = tmp_path / "out"
    base = [str(folder), "--codecs", "jpeg", "--qualities", "30,90", "--out", str(out)]
    assert main(base) == 0
    options = ["--metric", "ssim, mine", "--config-dir", str(tmp_path / "conf")]
    assert main([*base, *options]) == 0
    data = json.loads((out / "jpeg.baseline.json").read_text())
    assert data["metrics"].keys() == {"ssim", "mine"} and len(data["results"]["mine"]) == 2
    low, high = data["results"]["ssim"]
    assert low < high < 1
    written = (out / "jpeg.baseline.json").stat().st_mtime_ns
    assert main(base) == 0 and (out / "jpeg.baseline.json").stat().st_mtime_ns == written


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--metric", "banana"], "^--metric banana: there is no measure 'banana': choose one of dists, lpips, .*"),
        (["--metric", "ssim,vmaff"], "^--metric ssim,vmaff: there is no measure 'vmaff': did you mean vmaf[?]$"),
        (["--metric", "[ssim,vif]"], "^--metric .*: there is no measure '.ssim': did you mean ssim[?]$"),
        (["--metric", ""], "there is no measure ''"),
        (["--metric", "lpips"], "^metric=lpips needs torchvision's alexnet"),
        (["--codecs", "bpg"], "no codec 'bpg'"),
        (["--qualities", "a"], "whole numbers"),
    ],
)
def test_command_refuses(folder: Path, options: list[str], complaint: str) -> None:
    with pytest.raises(LicError, match=complaint) as refused:
        main([str(folder), *options])
    assert "\n" not in str(refused.value)
