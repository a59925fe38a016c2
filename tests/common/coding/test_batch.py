"""Many files by one start: names, what stays, what fails; and which libraries that start imports."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image
from support import textured

from common.coding.batch import jobs
from common.errors import LicError
from common.run.folder import RunFolder
from common.run.weights import save_weights
from lic_image.codecs.mean_hyperprior import MeanHyperprior

Lic = Callable[..., int]
ROOT = Path(__file__).parents[3]
HEAVY = (
    "lightning", "pytorch_lightning", "torchmetrics", "kornia", "matplotlib", "wandb", "pandas", "sklearn", "skimage",
    "torch_geometric", "torchvision", "pytorch_msssim", "plotly", "rich", "tensorboard", "optuna", "submitit", "av",
    "scipy.stats", "compressai.zoo", "compressai.datasets", "torch._dynamo", "torch._inductor", "triton",
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    torch.manual_seed(0)
    save_weights(MeanHyperprior(8, 12), RunFolder(folder).weights, "mean_hyperprior")
    content = {
        "model": {"codec": {"_target_": "lic_image.codecs.mean_hyperprior.MeanHyperprior", "N": 8, "M": 12}},
        "files": {"_target_": "lic_image.files.ImageFiles"},
        "system": "mean_hyperprior",
        "lmbda": 0.013,
        "distortion": "mse",
    }
    OmegaConf.save(OmegaConf.create(content), folder / "config.yaml")
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of three pictures, two of one name."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for seed, name in enumerate(("1.png", "1.bmp", "more/two.png")):
        Image.fromarray(textured(20, 30, seed)).save(folder / name)
    return folder


def test_a_folder_there_and_back(
    run: Path, photos: Path, tmp_path: Path, lic: Lic, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--checkpoint", str(run))
    assert lic("compress", "photos/", "coded/", *given) == 0
    streams = sorted(tmp_path.glob("coded/*"))
    assert [file.name for file in streams] == ["1-bmp.lic", "1-png.lic", "two.lic"]
    held = sum(file.stat().st_size for file in streams)
    assert f"coded 3 files: {held} bytes, {8 * held / 1800:.4f} bpp, " in capsys.readouterr().out
    assert lic("decompress", "coded", "back", *given) == 0
    assert "decoded 3 files: " in capsys.readouterr().out
    assert lic("compress", "photos/1.png", "one.lic", *given) == 0  # as by itself
    assert (tmp_path / "one.lic").read_bytes() == (tmp_path / "coded" / "1-png.lic").read_bytes()
    assert lic("decompress", "one.lic", "one.png", *given) == 0
    alone, with_others = (np.asarray(Image.open(tmp_path / name)) for name in ("one.png", "back/1-png.png"))
    assert np.array_equal(alone, with_others)


def test_what_fails_is_named_at_the_end_and_the_rest_is_coded(
    run: Path, photos: Path, tmp_path: Path, lic: Lic, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "bad.png").write_bytes((photos / "1.png").read_bytes()[:200])
    assert lic("compress", "photos/bad.png", "photos/1.png", "out", "--checkpoint", str(run)) == 2
    out, err = capsys.readouterr()
    assert "coded 1 file: " in out and "failed: photos/bad.png: " in err
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["1.lic"]


def test_what_is_there_is_kept_unless_it_is_to_be_replaced(
    run: Path, photos: Path, tmp_path: Path, lic: Lic, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "two.lic").write_bytes(b"mine")
    given = ("compress", "photos", "out", "--checkpoint", str(run))
    assert lic(*given) == 0 and (tmp_path / "out" / "two.lic").read_bytes() == b"mine"
    out = capsys.readouterr().out
    assert "coded 2 files" in out and "1 outputs were there and were kept" in out and "--overwrite" in out
    assert lic(*given, "--overwrite") == 0 and (tmp_path / "out" / "two.lic").read_bytes()[:3] == b"LIC"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["photos", "photos/1.png"], "is a file"),
        (["photos", "out.lic"], "is to be a folder"),
        (["photos/1.png", "photos/nothing.png", "out"], "there is no file photos/nothing.png"),
        (["empty", "out"], "holds no pictures"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(
    given: list[str], words: str, run: Path, photos: Path, tmp_path: Path, lic: Lic, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    before = {file: file.read_bytes() for file in photos.rglob("*.*")}
    assert lic("compress", *given, "--checkpoint", str(run)) == 2
    assert words in capsys.readouterr().err
    assert before == {file: file.read_bytes() for file in photos.rglob("*.*")}
    assert not list(tmp_path.glob("out*"))


def test_an_output_never_replaces_an_input(tmp_path: Path) -> None:
    coded = [tmp_path / "a.lic", tmp_path / "b.lic"]
    for file in coded:
        file.write_bytes(b"")
    (tmp_path / "a.png").symlink_to("b.lic")
    with pytest.raises(LicError, match="name another file"):
        jobs("decompress", coded, tmp_path, clips=False)


def test_folders_of_frames_stay_one_clip_and_folders_of_clips_are_many(tmp_path: Path) -> None:
    for clip in ("x", "y"):
        (tmp_path / "clips" / clip).mkdir(parents=True)
        Image.fromarray(textured(8, 8)).save(tmp_path / "clips" / clip / "0.png")
    (one,) = jobs("compress", [tmp_path / "clips" / "x"], tmp_path / "x.lic", clips=True)
    assert one.source == tmp_path / "clips" / "x" and one.target == tmp_path / "x.lic"
    many = jobs("compress", [tmp_path / "clips"], tmp_path / "out", clips=True)
    assert [(job.source.name, job.target.name) for job in many] == [("x", "x.lic"), ("y", "y.lic")]
    (tmp_path / "a.lic").write_bytes(b"")
    (frames,) = jobs("decompress", [tmp_path / "a.lic"], tmp_path / "clips", clips=True)
    assert frames.target == tmp_path / "clips"  # a folder of frames is written there


def test_coding_files_imports_little(run: Path, photos: Path, tmp_path: Path) -> None:
    lines = [
        "import sys, types",
        "from common.cli import main",
        f"sys.argv = ['lic', 'compress', {str(photos / '1.png')!r}, {str(tmp_path / 'a.lic')!r}]",
        f"assert main([*sys.argv[1:], '--checkpoint', {str(run)!r}]) == 0",
        f"assert main(['decompress', sys.argv[3], {str(tmp_path / 'a.png')!r}, '--checkpoint', {str(run)!r}]) == 0",
        f"print([name for name in {HEAVY!r} if type(sys.modules.get(name)) is types.ModuleType])",
        "import compressai.zoo, scipy.stats",  # what was put off is there when it is asked for
        "print(bool(compressai.zoo.bmshj2018_factorized), scipy.stats.norm.cdf(0), bool(compressai.transforms))",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["[]", "True 0.5 True"]
