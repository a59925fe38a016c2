"""What the rows of the papers' ablation tables are: blocks, stages, rates and recipes, as the row is called."""

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from support import compose
from torch.optim import Adam


@pytest.mark.parametrize(
    ("row", "blocks"),
    [
        ("baseline", (None, 1, None)),
        ("aab", ("AdjacentAttention", 1, None)),
        ("gmb", (None, 3, None)),
        ("dirb", (None, 1, "DecodedRefinement")),
        ("aab_gmb_dirb", ("AdjacentAttention", 3, "DecodedRefinement")),
        ("dirb_as_printed", (None, 1, "DecodedRefinement")),
    ],
)
def test_modules_are_what_the_row_is_called(row: str, blocks: tuple[str | None, int, str | None]) -> None:
    codec = compose("ablation=adjacent_table3_modules", f"ablation/adjacent_table3_modules={row}").model.codec
    found = (codec.attention, codec.mixture, codec.refinement)
    assert tuple(b._target_.rsplit(".", 1)[-1] if OmegaConf.is_config(b) else b for b in found) == blocks
    if codec.refinement:
        assert codec.refinement.similarity == ("product" if row.endswith("as_printed") else "distance")


@pytest.mark.parametrize("blocks", ["five", "six"])
@pytest.mark.parametrize(("context", "made"), [("cgam", "CausalGlobalContext"), ("masked", "MaskedContext")])
@pytest.mark.parametrize(("attention", "reductions"), [("mhsrsa", [8, 4, 2, 1, 1]), ("mhsa", [1, 1, 1, 1, 1])])
def test_rows_of_ticm_are_what_they_are_called(
    blocks: str, context: str, made: str, attention: str, reductions: list[int]
) -> None:
    row = f"{blocks}_{context}_{attention}"
    codec = compose("ablation=ticm_table77", f"ablation/ticm_table77={row}").model.codec
    assert sum(codec.depths) == {"five": 5, "six": 6}[blocks] and codec.reductions == reductions
    assert codec.context._target_.rpartition(".")[2] == made


@pytest.mark.parametrize(
    ("table", "row", "pyramids", "repaired"),
    [
        ("deeppynet_table78_pyramids", "left_middle", 2, []),
        ("deeppynet_table78_pyramids", "left_middle_repair", 2, [2, 3, 4]),
        ("deeppynet_table78_pyramids", "three", 3, []),
        ("deeppynet_table78_pyramids", "three_repair", 3, [2, 3, 4]),
        ("deeppynet_table79_levels", "levels_1", 3, [1]),
        ("deeppynet_table79_levels", "levels_12", 3, [1, 2]),
        ("deeppynet_table79_levels", "levels_1234", 3, [1, 2, 3, 4]),
        ("deeppynet_table79_levels", "levels_234", 3, [2, 3, 4]),
    ],
)
@pytest.mark.parametrize("model", ["deeppynet", "deeppynet_small"])
def test_pyramids_are_what_the_row_is_called(
    table: str, row: str, pyramids: int, repaired: list[int], model: str
) -> None:
    cfg = compose(f"ablation={table}", f"ablation/{table}={row}", f"model=flow/{model}")
    assert (cfg.model.network.pyramids, cfg.model.network.repaired) == (pyramids, repaired)
    assert (cfg.system, cfg.distortion, cfg.protocol.name) == (model, None, "flow")
    assert [claim["cells"][-1] for claim in cfg.study.rows if claim["row"] == row] == [
        {"deeppynet_table78_pyramids": "✓" if repaired else "×"}.get(table, " + ".join(map(str, repaired)))
    ]


@pytest.mark.parametrize("table", ["deeppynet_table78_pyramids", "deeppynet_table79_levels"])
def test_pyramids_are_trained_on_procedural_pairs_or_as_in_the_thesis(table: str) -> None:
    assert list(compose(f"ablation={table}").data.train) == ["procedural"]
    tests = "[flyingchairs_val,sintel_clean,sintel_final]"
    cfg = compose(f"ablation={table}", "stage=chairs", "data=flow/published", f"data.test={tests}")
    recipe = compose("experiment=flow/deeppynet", "stage=chairs")
    assert list(cfg.data.train) == ["flyingchairs"]
    for part in ("train", "crop", "canvas", "augmentation", "batch_size"):
        assert cfg.data[part] == recipe.data[part]
    assert cfg.trainer.max_steps == recipe.trainer.max_steps
    assert all(cfg.model[part] == recipe.model[part] for part in ("optimizer", "scheduler", "delta"))
    assert {f"{name}/epe" for name in cfg.data.test} == set(cfg.study.claims)


@pytest.mark.parametrize(("row", "gop", "structure"), [("bi_10", 10, "bi"), ("uni_20", 20, "uni")])
@pytest.mark.parametrize("root", ["train", "eval"])
def test_groups_of_pictures_are_what_the_row_is_called(row: str, gop: int, structure: str, root: str) -> None:
    protocol = compose("ablation=ofmc_gop", f"ablation/ofmc_gop={row}", root=root).protocol
    assert (protocol._target_, protocol.name) == ("lic_video.evaluate.VideoProtocol", "dvc_gop")
    assert (protocol.gop, protocol.structure, protocol.frames) == (gop, structure, 100)


@pytest.mark.parametrize("size", ["tiny", "base"])
@pytest.mark.parametrize("table", ["ofmc_figure52_flow_training", "ofmc_table710_modules", "ofmc_table711_channels"])
def test_a_row_by_the_stages_of_the_recipe_has_each_lmbda_once(table: str, size: str) -> None:
    stages = compose(f"ablation={table}", f"size={size}").hydra.sweeper.params.stage.split(",")
    points = [compose(f"ablation={table}", f"size={size}", f"stage={stage}") for stage in stages]
    assert [point.model.objective for point in points] == ["motion", *["all"] * (len(stages) - 1)]
    found = [point.lmbda for point in points[1:]]
    assert len(set(found)) == len(found) and {64, 128, 256, 512} <= set(found)
    assert all(point.warm_start.stage in stages for point in points[1:])


@pytest.mark.parametrize(("row", "frozen"), [("joint", False), ("frozen", True)])
def test_the_flow_network_is_trained_as_the_row_is_called(row: str, frozen: bool) -> None:
    table = "ofmc_figure52_flow_training"
    part = compose(f"ablation={table}", f"ablation/{table}={row}").model.codec.motion_estimation
    assert part.get("frozen", False) == frozen


@pytest.mark.parametrize("root", ["train", "eval"])
@pytest.mark.parametrize(
    ("clips", "distortion", "dvc"),
    [
        ("uvg", "video_mse", 10.4),
        ("uvg", "video_ms_ssim", 8.05),
        ("hevc_b", "video_mse", 5.66),
        ("hevc_e", "video_mse", None),
    ],
)
def test_printed_bd_rates_are_those_of_the_clips_and_of_the_loss(
    clips: str, distortion: str, dvc: float | None, root: str
) -> None:
    row = "ablation/ofmc_table74_bd_rate=ofmc"
    data = ["data=video/published", f"data.test=[{clips}]", f"distortion={distortion}"]
    study = OmegaConf.to_container(compose("ablation=ofmc_table74_bd_rate", row, *data, root=root).study, resolve=True)
    assert dict(zip(study["curves"], study["bd_rate"]["H.265"]))["DVC"] == dvc
    assert study["metric"] == {"video_mse": "psnr-rgb", "video_ms_ssim": "ms-ssim-rgb"}[distortion]


@pytest.mark.parametrize(
    ("table", "network", "resize"),
    [
        ("channel_postfilter_table1", "Cheng2020Attention", True),
        ("channel_postfilter_table2_bd_rate", "Cheng2020Attention", True),
        ("interleaved_table2_bd_rate", "Cheng2020Anchor", None),
    ],
)
def test_a_codec_of_another_paper_trains_by_its_own_recipe(table: str, network: str, resize: bool | None) -> None:
    cfg = compose(f"ablation={table}", f"ablation/{table}=cheng")
    assert cfg.model.codec._target_.endswith(f".{network}")
    assert (cfg.trainer.max_steps, cfg.data.batch_size, cfg.data.crop, cfg.data.resize) == (1_000_000, 8, 256, None)
    assert cfg.name == table and cfg.data.train is None  # the table's data, not the recipe's
    base = cfg.model.optimizer.lr
    schedule = instantiate(cfg.model.scheduler)(Adam([torch.zeros(1)], lr=base), 1000)
    rates = [base * schedule.lr_lambdas[0](step) for step in (0, 919, 920, 999)]
    assert rates == pytest.approx([1e-4, 1e-4, 1e-5, 1e-5])
    recipe = compose("experiment=image/cheng2020")
    assert all(cfg.model[part] == recipe.model[part] for part in ("optimizer", "scheduler"))
    own = compose(f"ablation={table}")
    assert own.trainer.max_steps != 1_000_000 and own.data.resize == resize


@pytest.mark.parametrize(
    ("distortion", "lmbda", "channels"),
    [("mse", 0.0075, 128), ("mse", 0.015, 192), ("mse", 0.0067, 128), ("mse", 0.013, 192),
     ("ms_ssim", 12, 128), ("ms_ssim", 40, 192), ("ms_ssim", 8.73, 128), ("ms_ssim", 16.64, 192)],
)  # fmt: skip
def test_cheng_has_the_channels_of_its_rate(distortion: str, lmbda: float, channels: int) -> None:
    cfg = compose("experiment=image/cheng2020", f"distortion={distortion}", f"lmbda={lmbda}")
    assert channels == cfg.model.codec.N


def test_the_loss_brings_its_own_lmbda() -> None:
    for table, distortion, lmbda in (
        ("adjacent_table2_attention", "ms_ssim", "2.41,8.31"),
        ("adjacent_table3_modules", "mse", "0.0483"),
        ("adjacent_table3_modules", "ms_ssim", "60.56"),
    ):
        cfg = compose(f"ablation={table}", f"distortion={distortion}")
        assert cfg.hydra.sweeper.params.lmbda == lmbda and cfg.distortion == distortion


@pytest.mark.parametrize(("distortion", "lmbda"), [("ms_ssim", "8.31"), ("mse", "0.025")])
def test_clic_is_measured_at_the_rate_of_the_paper(distortion: str, lmbda: str) -> None:
    cfg = compose("ablation=adjacent_table1_clic", f"distortion={distortion}")
    assert (cfg.lmbda, cfg.distortion, cfg.hydra.sweeper.params.lmbda) == (float(lmbda), distortion, lmbda)
    assert cfg.model.codec._target_.endswith(".Adjacent")
