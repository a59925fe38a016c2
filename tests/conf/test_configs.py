"""Every configuration composes, and every model trains a step, is evaluated on real files and leaves a result."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from support import compose, options
from support.flow_folders import fake_flyingchairs

from common.engine.train import without_stage
from common.run.settings import changed

Lic = Callable[..., int]


@pytest.mark.parametrize("model", options("model"))
def test_every_model_runs(model: str, lic: Lic, tmp_path: Path) -> None:
    assert lic("train", f"model={model}", "debug=step") == 0
    (result,) = tmp_path.glob("runs/debug/*/result.json")
    content = json.loads(result.read_text())
    kind, _, system = model.partition("/")
    assert content["system"] == system
    if kind == "image":
        psnr = content["results"]["psnr-rgb"][0]
        assert content["results"]["bpp"][0] > 0
        assert psnr > 4 if psnr is not None else system == "near_lossless"
    elif kind == "flow":
        assert content["results"]["stereo/epe"][0] > 1 and content["results"]["procedural_test/epe"][0] > 0
    else:
        assert content["results"]["bpp"][0] > 0 and content["protocol"] == "dvc_gop"
        assert content["sequences"][0]["frames"] == 4


@pytest.mark.parametrize("quantiser", options("quantiser"))
@pytest.mark.parametrize("model", ["image/mean_hyperprior", "image/compressai/mbt2018"])
def test_every_quantiser_trains(model: str, quantiser: str, lic: Lic, tmp_path: Path) -> None:
    refused = quantiser in ("binary", "soft_to_hard") and model.startswith("image/compressai")  # take no codebook
    assert lic("train", f"model={model}", "size=tiny", f"quantiser={quantiser}", "debug=step") == (2 if refused else 0)
    assert len(list(tmp_path.glob("runs/debug/*/result.json"))) == (not refused)


@pytest.mark.parametrize("experiment", options("experiment"))
def test_every_recipe_runs(experiment: str, lic: Lic, tmp_path: Path, photographs: Path) -> None:
    if experiment == "image/digits":
        for digit in range(10):
            (tmp_path / "digits" / str(digit)).mkdir(parents=True)
            shutil.copy(photographs / "one.png", tmp_path / "digits" / str(digit))
        data = [f"data.{part}={tmp_path / 'digits'}" for part in ("train", "test")]
    elif experiment.startswith("image/"):
        data = [f"data.train={photographs}"]
    elif experiment.startswith("video/"):
        data = ["data.train=[procedural]", "data.test=[procedural]"]
    else:
        data = [f"data.roots.flyingchairs={fake_flyingchairs(tmp_path / 'chairs')}"]
    assert lic("train", f"experiment={experiment}", "debug=step", *data) == 0
    assert len(list(tmp_path.glob("runs/debug/*/result.json"))) == 1


@pytest.mark.parametrize("model", options("model"))
@pytest.mark.parametrize("size", options("size"))
def test_every_network_is_built_in_both_sizes(model: str, size: str) -> None:
    configured = compose(f"model={model}", f"size={size}").model
    if not model.startswith("flow/"):
        assert instantiate(configured.codec).downsampling in (16, 32, 64, 128)
    else:
        assert instantiate(configured.network).multiple in (8, 16, 64)


@pytest.mark.parametrize(
    "choice",
    [
        f"{group}={option}"
        for group in (
            "data",
            "distortion",
            "trainer",
            "logger",
            "callbacks",
            "protocol",
            "debug",
            "metric",
            "scheduler@model.scheduler",
        )
        for option in options(group.partition("@")[0])
    ],
)
def test_every_other_choice_composes(choice: str) -> None:
    cfg = compose(choice, "data.train=x", "data.test=y")
    assert cfg.trainer.max_steps > 0


@pytest.mark.parametrize(
    ("choices", "baselines"),
    [
        ([], ["jpeg", "webp"]),
        (["model=flow/raft"], []),
        (["model=video/dvc"], ["x264", "x265"]),
        (["model=video/ofmc", "protocol=dcvc_ip32"], ["x264", "x265"]),
        (["model=video/dvc", "report.baselines=[av1]"], ["av1"]),
    ],
)
def test_a_protocol_names_its_classical_codecs_and_an_evaluation_none(choices: list[str], baselines: list[str]) -> None:
    assert compose(*choices).report.baselines == baselines
    asked = [choice for choice in choices if choice.startswith("report.")]
    assert compose(*choices, root="eval").report.baselines == (baselines if asked else [])


FLOW_STAGES = ["chairs", "things", "sintel", "kitti"]
VIDEO_STAGES = ["motion", "high", "lmbda_512", "lmbda_256", "lmbda_128", "lmbda_64"]
MS_SSIM_STAGES = {"ms_ssim_128": 512, "ms_ssim_64": 256, "ms_ssim_32": 128, "ms_ssim_16": 64}
GENERATIVE_STAGES = ["mse", "adversarial"]
DVC_STAGES = ["motion", "high", "lmbda_2048", "lmbda_512", "lmbda_256"]


RECIPES = {
    "flow/deeppynet": FLOW_STAGES,
    "video/ofmc": [*VIDEO_STAGES, *MS_SSIM_STAGES],
    "video/dvc": DVC_STAGES,
    "image/generative": GENERATIVE_STAGES,
}


def test_every_stage_belongs_to_a_recipe() -> None:
    assert set(options("stage")) == {*FLOW_STAGES, *VIDEO_STAGES, *MS_SSIM_STAGES, *DVC_STAGES, *GENERATIVE_STAGES}
    swept = {name: compose(f"experiment={name}").hydra.sweeper.params.stage.split(",") for name in RECIPES}
    assert swept == RECIPES


@pytest.mark.parametrize("place, stage", list(enumerate(FLOW_STAGES)))
def test_every_stage_of_flow_starts_from_the_one_before(place: int, stage: str) -> None:
    cfg = compose("experiment=flow/deeppynet", f"stage={stage}")
    assert cfg.warm_start == ({"stage": FLOW_STAGES[place - 1]} if place else None)
    assert set(cfg.data.train) | set(cfg.data.test) <= set(cfg.data.sets)
    assert all(side % 16 == 0 for side in cfg.data.crop)


@pytest.mark.parametrize("place, stage", list(enumerate(VIDEO_STAGES)))
def test_every_stage_of_video_starts_from_the_motion_or_the_highest_rate(place: int, stage: str) -> None:
    cfg = compose("experiment=video/ofmc", f"stage={stage}")
    assert cfg.warm_start == ([None, {"stage": "motion"}][place] if place < 2 else {"stage": "high"})
    assert cfg.lmbda == (1024 if place < 2 else int(stage.removeprefix("lmbda_")))
    assert cfg.model.objective == ("all" if place else "motion")
    assert cfg.model.scheduler._target_.endswith(".unchanged") and cfg.model.optimizer.lr == (
        5e-5 if place < 2 else 2e-5
    )


@pytest.mark.parametrize("stage", MS_SSIM_STAGES)
def test_the_last_stages_of_video_are_for_ms_ssim(stage: str) -> None:
    cfg = compose("experiment=video/ofmc", f"stage={stage}")
    assert cfg.warm_start == {"stage": f"lmbda_{MS_SSIM_STAGES[stage]}"}
    assert (cfg.lmbda, cfg.distortion, cfg.model.objective) == (int(stage.removeprefix("ms_ssim_")), "ms_ssim", "all")
    assert cfg.trainer.max_steps == 80_000 and cfg.model.optimizer.lr == 2e-5
    assert cfg.label != compose("experiment=video/ofmc", "stage=lmbda_64").label, "two losses are two curves"


def test_dvc_has_the_lambdas_of_its_paper() -> None:
    for stage in DVC_STAGES:
        cfg = compose("experiment=video/dvc", f"stage={stage}")
        assert (
            cfg.lmbda == (int(stage.removeprefix("lmbda_")) if "_" in stage else 1024)
            and cfg.model.optimizer.lr == 1e-4
        )
        assert cfg.model.optimizer._target_ == "torch.optim.Adam" and list(cfg.model.scheduler.factors) == [1, 0.1]


def test_the_recipe_of_flow_is_as_printed_and_a_variant_is_not() -> None:
    printed, ours = compose("experiment=flow/deeppynet"), compose("experiment=flow/deeppynet_cosine")
    assert (printed.model.delta, ours.model.delta) == (0.1, 0.8)
    assert printed.model.scheduler._target_.endswith(".unchanged") and printed.model.optimizer.lr == 1e-4
    assert ours.model.scheduler._target_.endswith(".cosine") and ours.trainer.max_steps == printed.trainer.max_steps


def test_the_recipe_of_channel_postfilter_resizes_its_pictures_and_a_variant_crops_them() -> None:
    printed, ours = (compose(f"experiment=image/channel_postfilter{variant}") for variant in ("", "_crops"))
    assert (printed.data.resize, printed.data.crop, printed.data.val_limit) == (True, 256, 102)
    assert ours.data.resize is None and ours.model == printed.model and ours.trainer == printed.trainer
    schedule = {"_target_": "common.schedules.cosine", "_partial_": True, "warmup": 0.02, "final": 0.01}
    assert printed.model.scheduler == schedule
    assert changed(*(OmegaConf.to_container(each.data) for each in (printed, ours))) == ["resize"]


def test_a_run_from_before_pictures_were_resized_goes_on() -> None:
    cfg = compose("experiment=image/adjacent", "data.train=x", "data.test=y")
    new = OmegaConf.to_container(cfg.data, resolve=True)
    old = {key: value for key, value in new.items() if key not in ("resize", "val")}
    assert len(old) == len(new) - 2 and changed({"data": old}, {"data": new}) == []
    assert not instantiate(old).resize  # its results are measured again


def test_recipes_carry_the_published_lists() -> None:
    for experiment in ("factorized", "hyperprior", "mean_hyperprior"):
        cfg = compose(f"experiment=image/{experiment}", "distortion=ms_ssim", "data.train=x", "data.test=y")
        assert cfg.hydra.sweeper.params.lmbda == "2.4,4.58,8.73,16.64,31.73,60.5,115.37,220"


def test_moving_average_of_the_weights(lic: Lic, tmp_path: Path) -> None:
    """The average begins with the weights after the first step and, with a decay of almost one, stays there."""
    budget = [
        "model=image/factorized",
        "trainer.max_steps=3",
        "trainer.val_check_interval=1",
        "model.optimizer.lr=3e-3",
    ]
    assert lic("train", *budget, "name=begin", "trainer.max_steps=1") == 0
    assert lic("train", *budget, "name=average", "callbacks=ema", "callbacks.ema.decay=0.999999") == 0
    assert lic("train", *budget, "name=last") == 0
    begin, average, last = (
        torch.load(next(tmp_path.glob(f"runs/{name}/*/weights.ckpt")), weights_only=True)["state_dict"]["g_a.0.weight"]
        for name in ("begin", "average", "last")
    )
    assert torch.allclose(average, begin, atol=1e-4) and not torch.allclose(last, begin, atol=1e-3)


def test_half_precision(lic: Lic, tmp_path: Path) -> None:
    assert lic("train", "model=image/swift", "debug=step", "trainer.precision=bf16-mixed") == 0
    assert len(list(tmp_path.glob("runs/debug/*/result.json"))) == 1


def test_a_users_own_folder_of_configs(lic: Lic, tmp_path: Path) -> None:
    own = tmp_path / "own/model/image"
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text(
        "defaults:\n  - /model/image/_module@_here_\n"
        "codec:\n  _target_: lic_image.codecs.factorized.Factorized\n  N: 8\n  M: 8\n"
    )
    assert lic("train", "--config-dir", str(tmp_path / "own"), "model=image/mine", "debug=step") == 0
    (result,) = tmp_path.glob("runs/debug/*/result.json")
    assert json.loads(result.read_text())["system"] == "mine"


def test_swift_overfits_eight_crops(lic: Lic, tmp_path: Path) -> None:
    budget = ["trainer.max_steps=240", "trainer.log_every_n_steps=8"]
    assert lic("train", "model=image/swift", "debug=overfit", "lmbda=0.1", *budget) == 0
    (file,) = tmp_path.glob("runs/debug/*/metrics.csv")
    with file.open() as opened:
        rows = [row for row in csv.DictReader(opened) if row["train/psnr"]]
    first, last = (
        [sum(float(row[f"train/{name}"]) for row in part) / 4 for name in ("psnr", "bpp")]
        for part in (rows[:4], rows[-4:])
    )
    assert last[0] > 35 and last[1] < 0.7 * first[1]


@pytest.mark.parametrize("recipe", options("experiment"))
def test_any_schedule_can_be_chosen_for_any_recipe(recipe: str) -> None:
    """Nothing of the recipe's own schedule stays behind, which the other would not take."""
    for name in ("constant", "cosine"):
        chosen = compose(f"experiment={recipe}", f"scheduler@model.scheduler={name}").model.scheduler
        plain = compose("model=image/swift", f"scheduler@model.scheduler={name}").model.scheduler
        assert chosen.keys() == plain.keys() and chosen._target_ == plain._target_


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (["experiment=video/ofmc", "stage=[]"], True),  # as the command line hands stage=null on
        (["experiment=flow/deeppynet", "stage=[]"], True),
        (["experiment=video/ofmc"], False),
        (["experiment=flow/deeppynet", "stage=things"], False),
        (["ablation=deeppynet_table78_pyramids"], False),
        (["model=image/swift"], False),
    ],
)
def test_a_recipe_of_stages_without_one_is_told(chosen: list[str], said: bool) -> None:
    compose(*chosen)
    assert without_stage() == said
