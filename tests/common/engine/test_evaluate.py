"""`lic eval`: finished runs and weights from elsewhere, on other photographs."""

import json
from collections.abc import Callable
from pathlib import Path

import compressai
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image
from support import textured

Lic = Callable[..., int]


def only_result(root: Path) -> dict:
    (file,) = root.glob("runs/eval/*/result.json")
    return json.loads(file.read_text())


def test_a_run_on_other_photographs(lic: Lic, tmp_path: Path) -> None:
    assert lic("train", "model=image/factorized", "trainer.max_steps=1") == 0
    (run,) = (file.parent for file in tmp_path.glob("runs/train/*/result.json"))
    others = tmp_path / "others"
    others.mkdir()
    Image.fromarray(textured(180, 200)).save(others / "large.png")
    assert lic("eval", f"run={run}", f"data.test={others}", "data.name=others") == 0
    result = only_result(tmp_path)
    assert result["dataset"].startswith("others 1 picture") and result["system"] == "factorized"
    assert 0 < result["results"]["ms-ssim-rgb"][0] < 1
    trained = json.loads((run / "result.json").read_text())
    assert result["curve"] == trained["curve"] and result["lmbda"] == trained["lmbda"]


def test_weights_of_compressai_give_its_own_figures(lic: Lic, tmp_path: Path, photographs: Path) -> None:
    """A model made, initialised and saved by CompressAI: same reconstruction, same estimate of the bits."""
    torch.manual_seed(0)
    theirs = compressai.models.MeanScaleHyperprior(32, 48)
    with torch.no_grad():
        theirs.g_a[6].weight *= 30
    theirs.update()
    torch.save({"state_dict": theirs.state_dict()}, tmp_path / "theirs.pth.tar")
    for model in ("image/mean_hyperprior", "image/compressai/mbt2018-mean"):
        name = model.rsplit("/", 1)[-1]
        arguments = [f"model={model}", "size=tiny", f"weights={tmp_path / 'theirs.pth.tar'}", f"name={name}"]
        assert lic("eval", *arguments, f"data.test={photographs}") == 0
        (file,) = tmp_path.glob(f"runs/{name}/*/result.json")
        (image,) = (image for image in json.loads(file.read_text())["images"] if image["file"] == "one")
        x = torch.from_numpy(textured(50, 70)).permute(2, 0, 1)[None].float() / 255
        padded = torch.nn.functional.pad(x, (0, 58, 0, 14), mode="replicate")
        with torch.inference_mode():
            out = theirs.eval()(padded)
        bits = sum(-p.log2().sum().item() for p in out["likelihoods"].values())
        assert image["bpp_estimated"] == pytest.approx(bits / (50 * 70), rel=1e-5)
        x_hat = (out["x_hat"][..., :50, :70].clamp(0, 1) * 255).round() / 255
        assert image["psnr"] == pytest.approx(-10 * (x - x_hat).square().mean().log10().item(), abs=1e-3)


def test_nothing_to_evaluate(lic: Lic, capsys: pytest.CaptureFixture) -> None:
    assert lic("eval") == 2
    assert "run=FOLDER" in capsys.readouterr().out


@pytest.mark.parametrize(
    "vain", ["model.codec.N=3", "model=image/factorized", "size=tiny", "lmbda=0.1", "distortion=ms_ssim", "label=mine"]
)
def test_what_would_have_no_effect_is_refused(
    lic: Lic, tmp_path: Path, vain: str, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "config.yaml").write_text("{}")
    assert lic("eval", f"run={tmp_path}", vain) == 2
    assert f"{vain} has no effect beside run=" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    "typed, said",
    [
        (["protocol=dvc_gop"], "protocol=dvc_gop does not measure what"),
        (["protocol.keep_pictures=false"], "protocol.keep_pictures=false does not measure what"),
        (["data.test=photos"], "data.test=photos needs data=GROUP/NAME beside it"),
    ],
)
def test_what_is_for_another_kind_of_run_is_refused(
    lic: Lic, tmp_path: Path, typed: list[str], said: str, capsys: pytest.CaptureFixture
) -> None:
    flow = {"protocol": {"_target_": "lic_flow.evaluate.FlowProtocol"}, "data": {"_target_": "lic_flow.data.Pairs"}}
    OmegaConf.save(OmegaConf.create(flow), tmp_path / "config.yaml")
    assert lic("eval", f"run={tmp_path}", *typed) == 2
    assert said in " ".join(capsys.readouterr().out.split())


def test_weights_that_do_not_fit(lic: Lic, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    torch.save({"state_dict": {"x": torch.zeros(1)}}, tmp_path / "w.pth")
    assert lic("eval", "model=image/factorized", "size=tiny", f"weights={tmp_path / 'w.pth'}") == 2
    assert "holds no weights of a Factorized" in capsys.readouterr().out
    torch.save({"state_dict": {"h_a.0.weight": torch.zeros(1), "g_a.0.weight": torch.zeros(1)}}, tmp_path / "w.pth")
    assert lic("eval", "model=image/factorized", "size=tiny", f"weights={tmp_path / 'w.pth'}") == 2
    assert "do not fit" in capsys.readouterr().out
    (tmp_path / "broken.pth").write_bytes(b"not a checkpoint")
    assert lic("eval", "model=image/factorized", "size=tiny", f"weights={tmp_path / 'broken.pth'}") == 2
    assert "not a readable checkpoint" in capsys.readouterr().out


def test_an_evaluation_touches_no_training_run(lic: Lic, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lic("train", "model=image/factorized", "trainer.max_steps=1") == 0
    (run,) = (file.parent for file in tmp_path.glob("runs/train/*/result.json"))
    before = {file: file.read_bytes() for file in run.rglob("*") if file.is_file() and file.name != ".lock"}
    for extra in ([], ["overwrite=true"]):
        assert lic("eval", f"run={run}", f"hydra.run.dir={run}", *extra) == 2
    assert "is the folder of a training run" in capsys.readouterr().out
    assert {file: file.read_bytes() for file in before} == before


def test_an_evaluation_that_cannot_begin_keeps_the_one_before(lic: Lic, tmp_path: Path, photographs: Path) -> None:
    assert lic("train", "model=image/factorized", "trainer.max_steps=1") == 0
    (run,) = (file.parent for file in tmp_path.glob("runs/train/*/result.json"))
    again = [f"run={run}", f"data.test={photographs}"]
    assert lic("eval", *again) == 0
    before = only_result(tmp_path)
    (run / "weights.ckpt").rename(run / "elsewhere.ckpt")
    assert lic("eval", *again) == 2
    assert only_result(tmp_path) == before


def test_bad_test_pictures_are_found_before_training(
    lic: Lic, tmp_path: Path, photographs: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lightning.Trainer.fit", lambda *_, **__: pytest.fail("trains"))
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes((photographs / "one.png").read_bytes()[:1000])
    train = ["train", "model=image/factorized", "trainer.max_steps=1"]
    assert lic(*train, f"data.test={damaged}") == 2
    assert "cannot be read (damaged.png)" in capsys.readouterr().out
    assert lic(*train, "data.crop=100") == 2
    assert "multiples of 16: set it to 96 or 112" in capsys.readouterr().out
    assert lic("train", "model=video/ofmc", "trainer.max_steps=1", "data.crop=100") == 2
    assert "multiples of 32: set it to 96 or 128" in capsys.readouterr().out
    assert lic("train", "model=flow/pwcnet", "trainer.max_steps=1", "data.crop=[64,100]", "data.canvas=[80,116]") == 2
    assert "multiples of 64: set it to 64 or 128" in capsys.readouterr().out


def test_an_evaluation_needs_no_photographs_to_train_on(
    lic: Lic, tmp_path: Path, photographs: Path, capsys: pytest.CaptureFixture
) -> None:
    assert lic("train", "model=image/factorized", "trainer.max_steps=1") == 0
    (run,) = (file.parent for file in tmp_path.glob("runs/train/*/result.json"))
    assert lic("eval", f"run={run}", "data=image/folder", f"data.test={photographs}") == 0
    assert only_result(tmp_path)["dataset"].startswith("photographs 2 pictures")
    assert lic("eval", f"run={run}", "data=image/folder", f"data.test={tmp_path / 'missing'}") == 2
    assert "missing does not exist" in capsys.readouterr().out
    assert lic("eval", f"run={run}", "data=image/folder", "data.test=caf\udce9") == 2
    assert "data.test=caf\\udce9 is not UTF-8" in capsys.readouterr().err
    assert lic("eval", f"run={run}", "data=image/folder") == 2
    assert "say what data.test is to be" in capsys.readouterr().out
