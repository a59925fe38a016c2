import json
from pathlib import Path
from typing import Any

import pytest

from common.errors import LicError
from common.results.curves import Curve, Point, load
from common.results.groups import group

# CompressAI's own layout, first points of results/image/kodak/jpeg.json
JPEG = {
    "name": "JPEG",
    "description": "JPEG. Pillow version 7.1.2",
    "results": {
        "psnr-rgb": [26.57723034342358, 23.779894921045457],
        "ms-ssim-rgb": [0.8898622319102287, 0.8030709524949392],
        "bpp": [0.32661437988281244, 0.22115325927734372],
        "encoding_time": [0.005, 0.004],
    },
}


def write(path: Path, data: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def test_load_reads_compressai(tmp_path: Path) -> None:
    curve = load(write(tmp_path / "jpeg.json", JPEG))
    assert (curve.name, curve.kind, curve.protocol, curve.dataset) == ("JPEG", "published", None, None)
    assert [point.bpp for point in curve.points] == [
        0.22115325927734372,
        0.32661437988281244,
    ]  # by rising rate
    assert curve.points[0].psnr == 23.779894921045457
    assert curve.points[0].quality("ms-ssim-rgb") == pytest.approx(7.0569, abs=1e-3)
    assert curve.points[0].extra == {"encoding_time": 0.004}


def test_load_takes_ms_ssim_in_db_and_no_psnr(tmp_path: Path) -> None:
    data = {"name": "elic2022", "results": {"bpp": [0.1242], "ms-ssim-db-rgb": [11.593]}}
    (point,) = load(write(tmp_path / "elic.json", data)).points
    assert point.psnr is None
    assert point.quality("ms-ssim-rgb") == pytest.approx(11.593)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "not JSON"),
        ("[1]", "results"),
        ('{"results": {"psnr-rgb": [30]}}', '"bpp"'),
        ('{"results": {"bpp": [1, 2], "psnr-rgb": [30]}}', "equal length"),
        ('{"results": {"bpp": [1]}}', "neither"),
        ('{"results": {"bpp": ["x"], "psnr-rgb": [30]}}', "number"),
        ('{"results": {"bpp": [null], "psnr-rgb": [30]}}', "number"),
    ],
)
def test_load_says_what_is_wrong(tmp_path: Path, content: str, complaint: str) -> None:
    with pytest.raises(LicError, match=complaint) as error:
        load(write(tmp_path / "curve.json", content))
    assert "curve.json" in str(error.value)


def test_load_of_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(LicError, match="cannot be read"):
        load(tmp_path / "none.json")


def test_curves_survive_a_round_trip(tmp_path: Path) -> None:
    curve = load(write(tmp_path / "jpeg.json", JPEG))
    again = load(write(tmp_path / "again.json", curve.to_json()))
    assert [(p.bpp, p.psnr, p.ms_ssim, p.extra) for p in again.points] == [
        (p.bpp, p.psnr, p.ms_ssim, p.extra) for p in curve.points
    ]


def curve(name: str, kind: Any, protocol: str | None = None, dataset: str | None = None) -> Curve:
    return Curve(name, kind, (Point(1.0, 30.0),), protocol, dataset, source=Path(f"{name}_mse.json"))


def test_protocols_and_pictures_never_mix() -> None:
    kodak, other_name = "kodak 24 pictures 5f2c91ab", "Kodak24 24 pictures 5f2c91ab"
    curves = [
        curve("webp", "baseline", "image", "clic 41 pictures 12345678"),
        curve("swift", "run", "image", kodak),
        curve("jpeg", "baseline", "image", other_name),
        curve("dvc", "run", "dvc_gop", kodak),
    ]
    groups = group(curves, [curve("vtm", "published")])
    names = {(g.protocol, g.dataset): [c.name for c in g.curves] for g in groups}
    assert names == {
        ("image", kodak): ["swift", "jpeg", "vtm"],
        ("dvc_gop", kodak): ["dvc", "vtm"],
        ("image", "clic 41 pictures 12345678"): ["webp", "vtm"],
    }
    assert groups[-1].curves[0].kind == "baseline"  # groups with runs come first


def test_the_same_clips_share_a_table_whatever_their_sets_are_called() -> None:
    sets = ["uvg 7 sequences 01234567, own 1 sequence 89abcdef", "mine 1 sequence 89abcdef, UVG 7 sequences 01234567"]
    (both,) = group([curve("dvc", "run", "dvc_gop", sets[0]), curve("x265", "baseline", "dvc_gop", sets[1])])
    assert both.dataset == sets[0] and len(both.curves) == 2
    parts = [curve(name, "run", "dvc_gop", name) for name in ("uvg 7 sequences 01234567", sets[0])]
    assert len(group(parts)) == 2


def test_published_curves_of_one_name_are_told_apart() -> None:
    files = ["a/hyperprior_mse.json", "a/hyperprior_ms_ssim.json", "b/hyperprior_mse.json"]
    points = [(Point(float(n), 30.0),) for n in range(3)]
    curves = [Curve("hyperprior", "published", each, source=Path(file)) for each, file in zip(points, files)]
    (only,) = group([], curves)
    assert [c.name for c in only.curves] == ["hyperprior (a)", "hyperprior (hyperprior_ms_ssim)", "hyperprior (b)"]
