"""`lic train`: folders, skipping, resuming, failing."""

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from support import textured

from common.cli import main
from lic_image.module import ImageCodec

Lic = Callable[..., int]
POINT = ["model=image/swift", "trainer.max_steps=6", "trainer.val_check_interval=2", "trainer.log_every_n_steps=1"]


def only_run(root: Path) -> Path:
    (result,) = root.glob("**/result.json")
    return result.parent


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def weights(folder: Path) -> dict[str, Any]:
    return torch.load(folder / "weights.ckpt", weights_only=True)["state_dict"]


def test_a_run_leaves_everything_it_made(lic: Lic, tmp_path: Path) -> None:
    assert lic("train", *POINT) == 0
    folder = only_run(tmp_path)
    result = json.loads((folder / "result.json").read_text())
    assert set(result["results"]) == {"bpp", "bpp_estimated", "psnr-rgb", "ms-ssim-rgb"}
    assert [image["file"] for image in result["images"]] == ["one", "two"]
    for image in result["images"]:
        stream = folder / "streams" / f"{image['file']}.lic"
        assert image["bytes"] == stream.stat().st_size
        assert image["bpp"] == 8 * image["bytes"] / (image["width"] * image["height"])
        assert (folder / "pictures" / f"{image['file']}.png").exists()
    assert result["protocol"] == "image" and result["lmbda"] == 0.013
    assert [int(row["step"]) for row in rows(folder) if row["train/loss"]] == [0, 1, 2, 3, 4, 5]


def test_the_same_command_again_does_nothing(lic: Lic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lic("train", *POINT) == 0
    before = (only_run(tmp_path) / "result.json").stat().st_mtime_ns
    monkeypatch.setattr(ImageCodec, "training_step", lambda *_: pytest.fail("trained again"))
    assert lic("train", *POINT) == 0
    assert (only_run(tmp_path) / "result.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("extra", [[], ["trainer.accumulate_grad_batches=2"], ["callbacks=ema"]], ids=str)
def test_an_interrupted_run_ends_like_an_undisturbed_one(
    extra: list[str], lic: Lic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lic("train", *POINT, *extra, "name=whole") == 0
    original = ImageCodec.training_step

    def failing(self: ImageCodec, batch: Any, index: int) -> Any:
        if self.global_step == 5:
            raise RuntimeError("the power is gone")
        return original(self, batch, index)

    monkeypatch.setattr(ImageCodec, "training_step", failing)
    assert lic("train", *POINT, *extra, "name=cut") == 1
    (failure,) = tmp_path.glob("runs/cut/*/failed.json")
    assert "the power is gone" in json.loads(failure.read_text())["reason"]
    monkeypatch.setattr(ImageCodec, "training_step", original)
    assert lic("train", *POINT, *extra, "name=cut") == 0
    whole, cut = only_run(tmp_path / "runs/whole"), only_run(tmp_path / "runs/cut")
    assert not failure.exists()
    a, b = weights(whole), weights(cut)
    assert a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)
    assert rows(whole) == rows(cut)
    results = [json.loads((folder / "result.json").read_text()) for folder in (whole, cut)]
    assert results[0] == results[1]


def test_a_folder_of_other_settings_is_refused(lic: Lic, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lic("train", *POINT) == 0
    config = only_run(tmp_path) / "config.yaml"
    config.write_text(config.read_text().replace("gradient_clip_val: 1.0", "gradient_clip_val: 2.0"))
    assert lic("train", *POINT) == 2
    assert lic("train", *POINT, "overwrite=true") == 0


def test_one_failing_point_does_not_take_the_sweep_down(lic: Lic, tmp_path: Path) -> None:
    assert lic("train", "-m", "lmbda=-1,0.01", "hydra/launcher=local", *POINT) == 2
    assert len(list(tmp_path.glob("runs/train/*/result.json"))) == 1
    (failure,) = tmp_path.glob("runs/train/*/failed.json")
    assert "positive number" in json.loads(failure.read_text())["reason"]
    (report,) = tmp_path.glob("runs/train/report*/report.md")
    assert "positive number" in report.read_text()


def test_points_start_from_the_weights_of_another(lic: Lic, tmp_path: Path) -> None:
    assert lic("train", "-m", "lmbda=0.01,0.02", "warm_start=0.01", "trainer.max_steps=1", "model=image/swift") == 0
    started = [log for log in tmp_path.glob("runs/train/*/train.log") if "starts from" in log.read_text()]
    assert len(started) == 1 and "lmbda-0.02" in started[0].parent.name
    assert lic("train", "-m", "lmbda=0.03", "warm_start=0.04", "trainer.max_steps=1", "model=image/swift") == 2
    (failure,) = tmp_path.glob("runs/train/*/failed.json")
    assert "list it first" in json.loads(failure.read_text())["reason"]


def test_a_diverging_run_stops_and_names_the_step(lic: Lic, tmp_path: Path) -> None:
    assert lic("train", *POINT, "model.optimizer.lr=1e30", "trainer.gradient_clip_val=null") == 1
    (failure,) = tmp_path.glob("runs/train/*/failed.json")
    reason = json.loads(failure.read_text())["reason"]
    assert reason.startswith("NonFiniteLoss") and "at step" in reason


def test_an_experiments_own_sweep_gives_way_to_the_command_line(
    lic: Lic, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["-m", "experiment=image/demo", "trainer.max_steps=1", "lmbda=0.013,0.02"]
    assert lic("train", *command) == 0
    assert len(list(tmp_path.glob("runs/demo/*/result.json"))) == 2
    assert "Launching 2 jobs" in capsys.readouterr().out, "not the product of the two sweeps"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["lambda=1"], "lmbda"),
        (["lr=1e-3"], "model.optimizer.lr"),
        (["trainer.max_step=3"], "trainer.max_steps"),
        (["model=image/adjacent", "mixtur=3"], "mixture"),
        (["model=video/dvc", "motion_estimation.block.reduction=2"], "motion_estimation.block.downscale"),  # as it was
    ],
    ids=str,
)
def test_a_mistyped_setting_is_one_sentence_with_the_nearest_name(
    typed: list[str], meant: str, lic: Lic, capfd: pytest.CaptureFixture[str]
) -> None:
    assert lic("train", *typed) == 2
    said = capfd.readouterr().err
    assert said.rstrip().endswith(f"there is no setting {typed[-1].partition('=')[0]}: did you mean {meant}?")
    assert len(said.splitlines()) == 1


def test_a_kill_between_the_last_step_and_the_weights_keeps_the_average(lic: Lic, tmp_path: Path) -> None:
    """The averaged weights are in the checkpoint; Lightning puts them in place only when it has trained."""
    assert lic("train", *POINT, "callbacks=ema") == 0
    folder = only_run(tmp_path)
    whole = weights(folder)
    for name in ("weights.ckpt", "result.json"):
        (folder / name).unlink()
    assert lic("train", *POINT, "callbacks=ema") == 0
    assert all(torch.equal(value, whole[key]) for key, value in weights(folder).items())


def test_weights_alone_are_not_taken_for_other_settings(lic: Lic, tmp_path: Path) -> None:
    assert lic("train", *POINT) == 0
    folder = only_run(tmp_path)
    (folder / "result.json").unlink()
    (folder / "checkpoints/last.ckpt").unlink()
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("gradient_clip_val: 1.0", "gradient_clip_val: 2.0"))
    assert lic("train", *POINT) == 2


def test_what_is_missing_is_said(lic: Lic, capsys: pytest.CaptureFixture[str]) -> None:
    assert lic("train", "experiment=image/hyperprior") == 2
    assert "say what data.train is to be" in capsys.readouterr().out


def test_a_sweep_measures_its_baselines_on_transparent_pictures_too(lic: Lic, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(np.dstack([textured(40, 50), np.full((40, 50), 100, np.uint8)])).save(folder / "clear.png")
    command = ["-m", "lmbda=0.02", "model=image/swift", "trainer.max_steps=1"]
    small = ["size=tiny", "data.crop=64", "data.batch_size=2", "data.num_workers=0", "callbacks.progress=null"]
    assert main(["train", *command, *small, f"data.test={folder}", "report.baselines=[jpeg]"]) == 0
    (report,) = tmp_path.glob("runs/train/report*/report.md")
    assert "JPEG" in report.read_text()


def test_points_of_a_sweep_share_one_warm_process(lic: Lic, tmp_path: Path) -> None:
    """A job of one step costs at most half of what a new process takes to import what training needs.

    Ten jobs of one step against one of ten steps; processor time, as others work here too, and against a process that
    was started at the same time, as a second of it is worth less where they share the core.
    """
    point = ["model=image/factorized", "trainer.val_check_interval=1", "report.enabled=false"]
    assert lic("train", *point, "trainer.max_steps=1", "name=warm") == 0
    started = time.process_time()
    assert lic("train", *point, "trainer.max_steps=10", "name=long") == 0
    long = time.process_time() - started
    started = time.process_time()
    several = ",".join(str(n) for n in range(1, 11))
    assert lic("train", "-m", *point, "trainer.max_steps=1", "name=many", f"lmbda={several}") == 0
    many = time.process_time() - started
    assert len(list(tmp_path.glob("runs/many/*/result.json"))) == 10
    imports = "import common.engine.fit, lic_image.module, lic_image.evaluate"
    before = os.times().children_user
    subprocess.run([sys.executable, "-c", imports], cwd=Path(__file__).parents[3], check=True)
    fresh = os.times().children_user - before
    said = f"{many:.1f} s for ten jobs, {long:.1f} s for one of ten steps, {fresh:.1f} s for a new process"
    assert (many - long) / 10 < fresh / 2, said


def test_several_nodes_are_a_clusters(lic: Lic, tmp_path: Path) -> None:
    assert lic("train", "model=image/factorized", "trainer.num_nodes=2", "debug=step") == 2
    (failure,) = tmp_path.glob("runs/*/*/failed.json")
    assert "hydra/launcher=slurm" in failure.read_text()


def test_a_protocol_that_does_not_fit_the_codec_is_refused_before_training(
    lic: Lic, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lic("train", "model=image/factorized", "protocol=image_levels", "debug=step") == 2
    assert "take protocol=image." in capsys.readouterr().out
    assert not list(tmp_path.glob("runs/**/*.ckpt"))


def test_a_mistyped_setting_leaves_no_failed_run(lic: Lic, tmp_path: Path) -> None:
    assert lic("train", *POINT, "+lambda=1") == 2
    assert not list(tmp_path.glob("runs/**/failed.json"))


def test_a_finished_runs_configuration_stays(lic: Lic, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lic("train", *POINT) == 0
    config = only_run(tmp_path) / "config.yaml"
    before = config.read_bytes()
    assert lic("train", *POINT, "label=mine", "data.num_workers=0") == 0
    assert config.read_bytes() == before
    assert "lic report --label" in capsys.readouterr().out


def test_debugging_runs_every_time(lic: Lic, tmp_path: Path) -> None:
    once = ["model=image/swift", "debug=step"]
    assert lic("train", *once) == 0
    first = (only_run(tmp_path) / "result.json").stat().st_mtime_ns
    assert lic("train", *once) == 0
    assert (only_run(tmp_path) / "result.json").stat().st_mtime_ns > first


def test_debugging_replaces_no_run_with_other_settings(lic: Lic, tmp_path: Path) -> None:
    assert lic("train", *POINT) == 0
    folder = only_run(tmp_path)
    assert lic("train", "model=image/swift", "debug=step", f"hydra.run.dir='{folder}'") == 2
    assert (folder / "result.json").exists() and (folder / "weights.ckpt").exists()


def test_an_extended_run_goes_on_where_the_shorter_one_ended(lic: Lic, tmp_path: Path) -> None:
    long = [*POINT, "trainer.max_steps=10"]
    assert lic("train", *POINT, "name=short") == 0
    assert lic("train", *long, "name=long", "extend=runs/short") == 0
    assert lic("train", *long, "name=whole") == 0
    folder, whole = only_run(tmp_path / "runs/long"), only_run(tmp_path / "runs/whole")
    steps = [int(row["step"]) for row in rows(folder) if row["train/loss"]]
    assert steps == list(range(10))
    last = torch.load(folder / "checkpoints/last.ckpt", weights_only=True)
    assert last["global_step"] == 10
    (moments, *_) = last["optimizer_states"][0]["state"].values()
    assert int(moments["step"]) == 10  # the optimiser went on, too
    rates = [[row["lr"] for row in rows(each) if row.get("lr") and int(row["step"]) >= 6] for each in (folder, whole)]
    assert rates[0] == rates[1]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["lmbda=0.02", "trainer.max_steps=10"], "same settings but for the steps"),
        (["trainer.max_steps=6", "seed=0"], "has 6 steps already"),
    ],
)
def test_what_cannot_be_extended_is_said(
    overrides: list[str], said: str, lic: Lic, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lic("train", *POINT, "name=short") == 0
    assert lic("train", *POINT, *overrides, "name=long", "extend=runs/short") == 2
    assert said in capsys.readouterr().out
