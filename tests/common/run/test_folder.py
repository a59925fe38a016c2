"""The run folder: one process at a time, no other settings, no half files."""

import json
from pathlib import Path

import pytest
from hydra.utils import get_class
from omegaconf import OmegaConf

from common.errors import LicError
from common.run.configs import read_config
from common.run.folder import RunFolder


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    with (
        RunFolder(tmp_path).lock(),
        pytest.raises(LicError, match="another process"),
        RunFolder(tmp_path).lock(patience=0.1),
    ):
        pass
    with RunFolder(tmp_path).lock():
        pass


def test_settings_of_a_started_run_are_kept(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.adopt(OmegaConf.create({"seed": 0}))
    folder.adopt(OmegaConf.create({"seed": 1}))  # nothing was computed yet
    folder.result.write_text("{}")
    with pytest.raises(LicError, match=r"other settings \(seed\)"):
        folder.adopt(OmegaConf.create({"seed": 2}))
    assert folder.config().seed == 1


def test_a_result_ends_a_failure(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.fail("why")
    assert json.loads(folder.failure.read_text()) == {"reason": "why"}
    folder.finish({"name": "x"}, {"encoding_time": 1.0})
    assert not folder.failure.exists() and json.loads(folder.result.read_text()) == {"name": "x"}


def test_a_configuration_can_be_read_by_others_as_far_as_the_umask_lets_them(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.adopt(OmegaConf.create({"seed": 0}))
    (tmp_path / "plain").write_text("")
    assert folder.config_file.stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.yaml", "plain"]


@pytest.mark.parametrize("text", ["foo: [", "- a list", "\x00"])
def test_a_damaged_configuration_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(LicError, match=r"config\.yaml is"):
        RunFolder(tmp_path).config()


def test_no_run_folder(tmp_path: Path) -> None:
    with pytest.raises(LicError, match=r"no config\.yaml"):
        RunFolder(tmp_path).config()


def test_a_cleared_folder_keeps_nothing_of_the_earlier_run(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.adopt(OmegaConf.create({"seed": 0}))
    for name in ("pictures", "bits", "attention", "refinement", "streams", "flow", "frames", "submission"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "one.png").touch()
    for name in ("images.csv", "pairs.csv", "sequences.csv", "frames.csv"):
        (tmp_path / name).touch()
    folder.finish({"name": "x"}, {})
    folder.clear()
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith(".")) == ["config.yaml"]


def test_a_run_of_before_names_settings_as_they_are_called_now(tmp_path: Path) -> None:
    old = "motion_estimation:\n  block:\n    _target_: lic_video.stages.motion_estimation.MotionEstimation\n"
    (tmp_path / "config.yaml").write_text(old + "    network: ${flow}\n    reduction: 2\nreduction: {block: null}\n")
    read = read_config(tmp_path)
    block = {"_target_": "lic_video.parts.motion_estimation.MotionEstimation", "network": "${flow}", "downscale": 2}
    assert read == {"motion_estimation": {"block": block}, "reduction": {"block": None}}
    assert get_class(block["_target_"]).__name__ == "MotionEstimation"


def test_a_run_of_before_names_modules_as_they_are_called_now(tmp_path: Path) -> None:
    targets = ["common.launch.progress.StepProgress", "common.launch.callbacks.MovingAverage"]
    targets += ["common.launch.csv_logger.ResumableCSVLogger"]
    named = {f"callbacks.{i}._target_": target for i, target in enumerate(targets)}
    config = OmegaConf.create({})
    for key, target in named.items():
        OmegaConf.update(config, key, target, force_add=True)
    OmegaConf.save(config, tmp_path / "config.yaml")
    read = [RunFolder(tmp_path).config().callbacks, read_config(tmp_path)["callbacks"]]
    for callbacks in read:
        for i, target in enumerate(targets):
            found = callbacks[str(i)]["_target_"]
            assert get_class(found).__name__ == target.rpartition(".")[2]
