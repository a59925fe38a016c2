"""What trackers are told, read back from what their own SDKs have written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.loggers import TensorBoardLogger
from omegaconf import OmegaConf
from support.score_runs import score_run
from support.tracked import Tracked, records, tracked_runs
from support.video_runs import video_run
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from common.data.image_io import read_picture
from common.report.sections import Section
from common.report.tables import Table
from common.report.writer import Report, write_report
from common.results.curves import Group
from common.run.folder import RunFolder
from common.run.resolvers import _wandb_mode, run_id
from common.tracking.loggers import tracking
from common.tracking.tracker import track_configuration, track_report, track_result
from lic_image.evaluate import ImageProtocol
from lic_image.module import ImageCodec

Lic = Callable[..., int]
POINT = ["model=image/factorized", "trainer.max_steps=3", "trainer.val_check_interval=2", "trainer.log_every_n_steps=1"]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, no settings and no caches of whoever runs the tests."""
    for name in ("WANDB_API_KEY", "WANDB_BASE_URL", "WANDB_PROJECT", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "home" / name))


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes λ = 0.01 fail in its last step; returns what repairs it."""
    original = ImageCodec.training_step

    def step(self: ImageCodec, batch: Any, index: int) -> Any:
        if self.global_step == 2 and self.lmbda == 0.01:
            raise RuntimeError("the power is gone")
        return original(self, batch, index)

    monkeypatch.setattr(ImageCodec, "training_step", step)
    return lambda: monkeypatch.setattr(ImageCodec, "training_step", original)


def result(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return content


def test_a_sweep_is_a_group_of_points_and_a_report(lic: Lic, tmp_path: Path) -> None:
    import wandb

    command = ["-m", *POINT, "lmbda=0.01,0.02", "logger=wandb", "name=study", "metric=ssim"]
    assert lic("train", *command) == 0
    assert wandb.run is None
    first, second, report = tracked_runs(tmp_path, 3)
    assert {run.group for run in (first, second, report)} == {"study"}
    assert {run.exit_code for run in (first, second, report)} == {0}
    assert [run.job_type for run in (first, second, report)] == ["train", "train", "report"]
    for run, lmbda in ((first, 0.01), (second, 0.02)):
        folder = run.folder.parents[1]
        assert (folder / "result.json").exists() and run.id == run_id(folder) and run.name == folder.name
        assert run.tags == ["factorized", "image"]
        measured = result(folder)
        assert run.config["lmbda"] == lmbda and run.config["parameters"] == measured["parameters"] > 0
        assert run.config["model/codec/N"] == 32 and run.config["trainer/max_steps"] == 3
        assert [step for step, _ in run.curve("train/loss")] == [0, 1, 2]
        assert len(run.curve("val/psnr")) == 1
        for key in ("bpp", "bpp_estimated", "psnr-rgb", "ssim"):
            assert run.summary[f"test/{key}"] == measured["results"][key][0]
        assert run.curve("test/bpp") == [(3, measured["results"]["bpp"][0])]
        check_pictures(run, measured["images"])
    assert report.id not in (first.id, second.id)
    table = json.loads((report.folder / "files" / report.summary["rate_distortion"]["path"]).read_text())
    assert table["columns"][2:5] == ["lmbda", "bpp", "psnr"]
    assert [row[2] for row in table["data"]] == [0.01, 0.02]
    assert [row[table["columns"].index("ssim")] for row in table["data"]] == [
        run.summary["test/ssim"] for run in (first, second)
    ]
    assert [row[3] for row in table["data"]] == [run.summary["test/bpp"] for run in (first, second)]
    assert report.summary["rd_psnr"]["_type"] == report.summary["gallery"]["_type"] == "image-file"
    assert not (tmp_path / "wandb").exists(), "the current folder stays clean"

    assert lic("train", *command) == 0
    assert [run.id for run in tracked_runs(tmp_path, 4)] == [first.id, second.id, report.id, report.id]


def check_pictures(run: Tracked, images: list[dict[str, Any]]) -> None:
    table = json.loads(run.stored["photographs.table.json"].read_text())
    rows = [dict(zip(table["columns"], row)) for row in table["data"]]
    assert [(row["file"], row["bytes"]) for row in rows] == [(image["file"], image["bytes"]) for image in images]
    for row, image in zip(rows, images):
        for kind, place in (("reconstruction", "pictures"), ("bits", "bits")):
            panel = run.summary[f"{kind}/{image['file']}"]
            assert (panel["width"], panel["height"]) == (image["width"], image["height"])
            kept = (run.folder.parents[1] / place / f"{image['file']}.png").read_bytes()
            assert panel["path"] in run.media and (run.folder / "files" / panel["path"]).read_bytes() == kept
            assert run.stored[row[kind]["path"]].read_bytes() == kept
        original = read_picture(run.stored[row["original"]["path"]]).rgb
        assert (original == read_picture(Path(image["source"])).rgb).all()


def test_a_failing_point_is_marked_and_goes_on_under_its_own_name(
    lic: Lic, tmp_path: Path, failing: Callable[[], None]
) -> None:
    command = ["-m", *POINT, "lmbda=0.01,0.02", "logger=wandb", "report.enabled=false"]
    assert lic("train", *command) == 1
    failed, other = tracked_runs(tmp_path, 2)
    assert (failed.exit_code, other.exit_code) == (1, 0)
    assert failed.id != other.id and failed.config["lmbda"] == 0.01 and other.config["lmbda"] == 0.02
    assert not failed.curve("test/bpp") and other.curve("test/bpp")
    failing()
    assert lic("train", *command) == 0
    *_, again = tracked_runs(tmp_path, 3)
    assert (again.id, again.exit_code) == (failed.id, 0)
    assert [step for step, _ in again.curve("train/loss")] == [2], "only what was missing"
    assert again.curve("test/bpp")


def test_a_run_that_failed_in_its_evaluation_is_tracked_to_the_end(
    lic: Lic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ImageProtocol, "__call__", lambda *_: 1 / 0)
        assert lic("train", *POINT, "logger=wandb") == 1
    assert lic("train", *POINT, "logger=wandb") == 0
    cut, whole = tracked_runs(tmp_path, 2)
    assert cut.id == whole.id and (cut.exit_code, whole.exit_code) == (1, 0)
    assert cut.curve("train/loss") and not whole.curve("train/loss")
    assert whole.config["parameters"] == cut.config["parameters"] and whole.curve("test/bpp")
    folder = whole.folder.parents[1]
    source = result(folder)["images"][0]["source"]
    assert lic("eval", f"run='{folder}'", "logger=wandb", f"data.test={source}") == 0
    *_, measured = tracked_runs(tmp_path, 3)
    assert (measured.job_type, measured.group, measured.tags) == ("eval", "eval", ["factorized", "image"])
    assert measured.summary["photographs"]["nrows"] == 1 and measured.id != whole.id


def test_weights_are_kept_where_that_is_wanted(lic: Lic, tmp_path: Path) -> None:
    assert lic("train", *POINT, "lmbda=0.01", "logger=wandb", "logger.wandb.keep_weights=true") == 0
    assert lic("train", *POINT, "lmbda=0.02", "logger=wandb") == 0
    run, other = tracked_runs(tmp_path, 2)
    for name in ("weights.ckpt", "config.yaml"):
        assert run.stored[name].read_bytes() == (run.folder.parents[1] / name).read_bytes()
    assert "weights.ckpt" not in other.stored and "logger/keep_weights" not in run.config
    for name in ("weights.ckpt", "config.yaml"):  # as `wandb artifact get` would put them
        (tmp_path / "got").mkdir(exist_ok=True)
        (tmp_path / "got" / name).write_bytes(run.stored[name].read_bytes())
    source = result(run.folder.parents[1])["images"][0]["source"]
    assert (
        lic("eval", f"run={tmp_path / 'got'}", f"data.test={source}", "logger=wandb", "logger.wandb.keep_weights=true")
        == 0
    )
    measured = tracked_runs(tmp_path, 3)[-1]
    assert measured.stored["weights.ckpt"].read_bytes() == run.stored["weights.ckpt"].read_bytes()
    assert lic("compress", source, str(tmp_path / "one.lic"), "--checkpoint", str(tmp_path / "got")) == 0


def test_ranks_of_a_point_share_one_run(lic: Lic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    assert lic("train", "-m", *POINT, "lmbda=0.01", "trainer=ddp_cpu", "logger=wandb") == 0
    point, report = tracked_runs(tmp_path, 2)
    assert (point.job_type, point.exit_code, report.job_type) == ("train", 0, "report")
    assert [step for step, _ in point.curve("train/loss")] == [0, 1, 2]
    assert point.curve("test/bpp") and point.id == run_id(point.folder.parents[1])


def test_tensorboard_has_curves_and_pictures_in_one_folder(
    lic: Lic, tmp_path: Path, failing: Callable[[], None]
) -> None:
    command = [*POINT, "lmbda=0.01", "logger=tensorboard"]
    assert lic("train", *command) == 1
    failing()
    assert lic("train", *command) == 0
    (folder,) = {file.parent for file in tmp_path.glob("**/events.out.*")}
    events = EventAccumulator(str(folder)).Reload()
    assert [event.step for event in events.Scalars("train/loss")] == [0, 1, 2]
    measured = result(folder.parent)
    (figure,) = events.Scalars("test/bpp")
    assert (figure.step, figure.value) == (3, pytest.approx(measured["results"]["bpp"][0]))
    images = events.Tags()["images"]
    assert sorted(images) == ["bits/one", "bits/two", "reconstruction/one", "reconstruction/two"]
    shown = events.Images("reconstruction/one")[-1]
    assert (shown.width, shown.height) == (measured["images"][0]["width"], measured["images"][0]["height"])

    before = set(folder.glob("events.out.*"))
    assert lic("train", *command, "overwrite=true") == 0
    assert not before & set(folder.glob("events.out.*")), "an overwritten run's curves are gone"


def test_what_a_codecs_blocks_do_has_panels(lic: Lic, tmp_path: Path) -> None:
    command = ["model=image/adjacent", "debug=step"]
    assert lic("train", *command, "logger=wandb") == 0
    (run,) = tracked_runs(tmp_path, 1)
    folder = run.folder.parents[1]
    for panel in ("attention/one", "refinement/two"):
        shown = run.folder / "files" / run.summary[panel]["path"]
        assert shown.read_bytes() == (folder / f"{panel}.png").read_bytes()
        assert run.summary[panel]["caption"].startswith(panel[-3:])

    assert lic("train", *command, "logger=tensorboard", "overwrite=true") == 0
    (place,) = {file.parent for file in tmp_path.glob("**/events.out.*")}
    images = EventAccumulator(str(place)).Reload().Tags()["images"]
    assert {"attention/one", "attention/two", "refinement/one", "refinement/two"} < set(images)


def test_a_stopped_run_is_told_from_a_failed_one(tmp_path: Path) -> None:
    wandb = {"_target_": "lightning.pytorch.loggers.WandbLogger", "id": "a", "save_dir": str(tmp_path)}
    cfg = OmegaConf.create({"model": {"N": 8}, "logger": wandb})
    with pytest.raises(KeyboardInterrupt), tracking(cfg) as logger:
        track_configuration(logger, cfg, 1)
        raise KeyboardInterrupt
    (run,) = tracked_runs(tmp_path, 1)
    assert (run.id, run.exit_code) == ("a", 255)
    assert (run.config["model/N"], run.config["parameters"]) == (8, 1)


def test_a_file_of_wandb_is_read_while_it_is_written(tmp_path: Path) -> None:
    """The tests wait for W&B's process in this way: any part of the file is a start of the whole."""
    wandb = {"_target_": "lightning.pytorch.loggers.WandbLogger", "id": "a", "save_dir": str(tmp_path)}
    cfg = OmegaConf.create({"model": {"N": 8}, "logger": wandb})
    with tracking(cfg) as logger:
        track_configuration(logger, cfg, 1)
    (run,) = tracked_runs(tmp_path, 1)
    data = next(run.folder.glob("run-*.wandb")).read_bytes()
    whole = list(records(data))
    for size in range(len(data)):
        part = list(records(data[:size]))
        assert len(part) < len(whole) and part == whole[: len(part)]


def test_a_tracker_that_died_with_the_run_does_not_hide_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(self: TensorBoardLogger, status: str) -> None:
        raise ConnectionResetError("Connection lost")

    monkeypatch.setattr(TensorBoardLogger, "finalize", lost)
    settings = {"_target_": "lightning.pytorch.loggers.TensorBoardLogger", "save_dir": str(tmp_path)}
    with pytest.raises(OSError, match="no space left"), tracking(OmegaConf.create({"logger": settings})):
        raise OSError("no space left")


def test_the_tables_of_studies_are_tracked_with_the_report(tmp_path: Path) -> None:
    tables = [Table(f"Table {n}", ["row", "paper: PSNR"], [["baseline", "26.27"], ["aab", f"{n}"]]) for n in (2, 3)]
    group = Group("image", "kodak", ())
    section = Section(group, group, "", "image", tables, tables[0], [], [], [])
    wandb = {"_target_": "lightning.pytorch.loggers.WandbLogger", "group": "modules"}
    track_report(OmegaConf.create({"logger": wandb}), Report("Modules", tmp_path, [section], None))
    (run,) = tracked_runs(tmp_path, 1)
    assert (run.group, run.job_type) == ("modules", "report")
    for name, table in (("study", tables[0]), ("study-2", tables[1])):
        stored = json.loads((run.folder / "files" / run.summary[name]["path"]).read_text())
        assert (stored["columns"], stored["data"]) == (table.columns, table.rows)


@pytest.fixture
def pairs(tmp_path: Path) -> tuple[Any, RunFolder, dict[str, Any]]:
    """Configuration, folder and result of a run without a rate that has drawn six pairs of each of two sets."""
    names = [f"{name}_{n}" for name in ("procedural_test", "stereo") for n in range(6)]
    figures = {"stereo/epe": 1.25, "stereo/s40+": 3.5, "procedural_test/epe": 0.5, "procedural_test/1px": None}
    folder = score_run(tmp_path / "run", figures, sheets=names)
    cfg = {"model": {"N": 8}, "lmbda": None, "distortion": None, "trainer": {"max_steps": 7}}
    return OmegaConf.create(cfg), RunFolder(folder), result(folder)


SHOWN = {f"flow/{name}_{n}" for name in ("procedural_test", "stereo") for n in range(4)}
MEASURED = {"test/stereo/epe": 1.25, "test/stereo/s40+": 3.5, "test/procedural_test/epe": 0.5}


def test_figures_and_first_pairs_of_every_set_are_tracked(tmp_path: Path, pairs: Any) -> None:
    cfg, folder, content = pairs
    cfg.logger = {"_target_": "lightning.pytorch.loggers.WandbLogger", "id": "a", "save_dir": str(tmp_path)}
    with tracking(cfg) as logger:
        track_result(logger, cfg, folder, content)
    (run,) = tracked_runs(tmp_path, 1)
    assert {key: value for key, value in run.summary.items() if key.startswith("test/")} == MEASURED
    assert run.curve("test/stereo/epe") == [(7, 1.25)] and run.config["parameters"] == 1_234_000
    panels = {key: value for key, value in run.summary.items() if key.startswith("flow/")}
    assert set(panels) == SHOWN
    for name, panel in panels.items():
        assert (run.folder / "files" / panel["path"]).read_bytes() == (folder.path / f"{name}.png").read_bytes()
        assert panel["caption"] == name.removeprefix("flow/")


def test_tensorboard_has_figures_and_first_pairs_of_every_set(tmp_path: Path, pairs: Any) -> None:
    cfg, folder, content = pairs
    cfg.logger = {"_target_": "lightning.pytorch.loggers.TensorBoardLogger", "save_dir": str(tmp_path), "name": ""}
    with tracking(cfg) as logger:
        track_result(logger, cfg, folder, content)
    (place,) = {file.parent for file in tmp_path.glob("**/events.out.*")}
    events = EventAccumulator(str(place)).Reload()
    assert set(events.Tags()["images"]) == SHOWN
    measured = {tag: events.Scalars(tag)[-1] for tag in events.Tags()["scalars"] if tag.startswith("test/")}
    assert {tag: (event.step, event.value) for tag, event in measured.items()} == {
        tag: (7, value) for tag, value in MEASURED.items()
    }


def test_tensorboard_has_figures_and_first_frames_of_every_clip(tmp_path: Path) -> None:
    clips = {f"clip{n}": (0.1, 30.0) for n in range(5)}
    folder = RunFolder(video_run(tmp_path / "run", 64, clips))
    cfg = OmegaConf.create({"model": {"N": 8}, "distortion": "mse", "trainer": {"max_steps": 7}})
    cfg.logger = {"_target_": "lightning.pytorch.loggers.TensorBoardLogger", "save_dir": str(tmp_path), "name": ""}
    with tracking(cfg) as logger:
        track_result(logger, cfg, folder, result(folder.path))
    (place,) = {file.parent for file in tmp_path.glob("**/events.out.*")}
    events = EventAccumulator(str(place)).Reload()
    first, second = ([f"frames/clip{n}_{frame:04d}" for n in range(5)] for frame in (6, 18))
    assert set(events.Tags()["images"]) == {*first, *second[:3]}
    assert events.Scalars("test/psnr-rgb")[-1].value == 30


def test_the_table_of_scores_is_tracked_with_the_report(tmp_path: Path) -> None:
    score_run(tmp_path / "runs/a", {"stereo/epe": 2.0}, "a", sheets=["stereo_0"])
    score_run(tmp_path / "runs/b", {"stereo/epe": 1.0}, "b")
    report = write_report([tmp_path / "runs"], tmp_path / "report")
    wandb = {"_target_": "lightning.pytorch.loggers.WandbLogger", "group": "modules"}
    track_report(OmegaConf.create({"logger": wandb}), report)
    (run,) = tracked_runs(tmp_path, 1)
    stored = json.loads((run.folder / "files" / run.summary["scores"]["path"]).read_text())
    assert stored["columns"][:2] == ["run", "stereo EPE"]
    assert [row[:2] for row in stored["data"]] == [["b", "1.000"], ["a", "2.000"]]
    assert run.tags == ["flow"] and "rate_distortion" not in run.summary
    assert run.summary["pairs-2-stereo"]["_type"] == "image-file"


def test_a_missing_package_is_one_sentence(lic: Lic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("_TENSORBOARD_AVAILABLE", "_TENSORBOARDX_AVAILABLE"):
        monkeypatch.setattr(f"lightning.fabric.loggers.tensorboard.{package}", False)
    assert lic("train", *POINT, "logger=tensorboard") == 2
    (failure,) = tmp_path.glob("runs/train/*/failed.json")
    assert "`tensorboard`" in json.loads(failure.read_text())["reason"]


@pytest.mark.parametrize(
    ("netrc", "variables", "mode"),
    [
        (None, {}, "offline"),
        (None, {"WANDB_API_KEY": "x"}, "online"),
        ("api.wandb.ai", {}, "online"),
        ("example.org", {}, "offline"),
        ("wandb.example.org", {"WANDB_BASE_URL": "https://wandb.example.org:8080"}, "online"),
        ("api.wandb.ai", {"WANDB_MODE": "disabled"}, "disabled"),
    ],
)
def test_wandb_is_offline_where_no_key_is_at_hand(
    netrc: str | None, variables: dict[str, str], mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_MODE", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if netrc:
        (tmp_path / "home").mkdir()
        (tmp_path / "home/.netrc").write_text(f"machine {netrc}\n  login user\n  password x\n")
    assert _wandb_mode() == mode
