"""`lic restore` as a stranger calls it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support import textured

from benchmarks.artefacts import compare
from lic_image.codecs.classical import Classical
from lic_image.codecs.enveloped import Enveloped
from lic_image.envelope.post import Restore
from lic_image.restore import artefact_remover, restored

Lic = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, lic: Lic, photographs: Path) -> Path:
    """A run of one step, and pictures."""
    recipe = ["experiment=image/enveloped_restore", f"data.train={photographs}", "debug=step"]
    assert lic("train", *recipe) == 0
    picture = Image.fromarray(textured(45, 62))
    picture.save(tmp_path / "photo.jpg", quality=25)
    picture.convert("L").save(tmp_path / "grey.jpg", quality=80)
    Image.open(tmp_path / "photo.jpg").save(tmp_path / "decoded.png")
    (result,) = tmp_path.glob("runs/debug/*/result.json")
    said = json.loads(result.read_text())["inner_codec"]
    assert said["encoder"] == "jpg" and said["version"].startswith("Pillow") and "quality=Q" in said["command"]
    return result.parent


def test_a_jpeg_is_restored_by_the_quality_of_its_tables(
    run: Path, tmp_path: Path, lic: Lic, capsys: pytest.CaptureFixture
) -> None:
    using = ["--checkpoint", str(run)]
    assert lic("restore", "photo.jpg", "out.png", *using) == 0
    assert capsys.readouterr().out == "out.png: 62x45, restored as a JPEG of quality 25\n"
    out, decoded = (np.asarray(Image.open(tmp_path / name)) for name in ("out.png", "decoded.png"))
    assert np.array_equal(out, restored(artefact_remover(run), decoded, 25)) and not np.array_equal(out, decoded)

    assert lic("restore", "grey.jpg", "grey.png", *using) == 0
    assert "trained on qualities 10 to 60, and grey.jpg has 80" in capsys.readouterr().out
    assert Image.open(tmp_path / "grey.png").mode == "L"

    assert lic("restore", "decoded.png", "again.png", "--quality", "25", *using) == 0
    assert np.array_equal(np.asarray(Image.open(tmp_path / "again.png")), out)


def test_bad_input_is_one_sentence_and_status_2(
    run: Path, tmp_path: Path, lic: Lic, photographs: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "photo.jpg").read_bytes()[:300])
    (tmp_path / "text.jpg").write_text("no picture")
    assert lic("train", "model=image/factorized", "debug=step", "name=other") == 0
    (other,) = tmp_path.glob("runs/other/*/result.json")
    capsys.readouterr()
    for words, sentence in (
        (["photo.jpg", "out.jpg"], "written without loss"),
        (["photo.jpg", "photo.jpg"], "written without loss"),
        (["decoded.png", "decoded.png"], "to be read and to be written"),
        (["decoded.png", "out.png"], "is no JPEG but PNG"),
        (["nothing.jpg", "out.png"], "nothing.jpg does not exist"),
        (["cut.jpg", "out.png"], "damaged"),
        (["text.jpg", "out.png"], "not a picture"),
        (["photo.jpg", "nowhere/out.png"], "make it first"),
        (["photo.jpg", "out.png", "--quality", "0"], "1 to 100"),
    ):
        assert lic("restore", *words, "--checkpoint", str(run)) == 2
        said = capsys.readouterr().err
        assert sentence in said and said.count("\n") == 1
    assert lic("restore", "photo.jpg", "out.png", "--checkpoint", str(other.parent)) == 2
    assert "restores no JPEG" in capsys.readouterr().err
    assert not (tmp_path / "out.png").exists()


def test_the_bench_measures_jpegs_and_what_is_restored(tmp_path: Path) -> None:
    """A network that has learned nothing restores nothing; one that makes all brighter by a level does harm."""
    Image.fromarray(textured(64, 64)).save(tmp_path / "original.png")
    codec = Enveloped(Classical("jpeg", 30), post=Restore(4, 1)).eval()
    same = {kind: compare(codec, [tmp_path / "original.png"], kind, (10, 90)) for kind in ("colour", "grey")}
    with torch.no_grad():
        codec.post.change.tail[0].bias.fill_(2 / 255)
    for kind, found in same.items():
        assert all(before == after for before, after in found.values())
        assert found[10][0].psnr < found[90][0].psnr and found[10][0].psnr_b < found[10][0].psnr
        brighter = compare(codec, [tmp_path / "original.png"], kind, (10, 90))
        assert brighter[90][1].psnr < found[90][1].psnr - 0.1 and brighter[90][0] == found[90][0]
