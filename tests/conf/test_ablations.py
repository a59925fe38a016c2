"""The papers' ablation tables: every row composes, names what it says, and a sweep of rows ends in the table."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from compressai.models import Cheng2020Attention
from hydra import initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.plugins.config_source import ConfigLoadError
from hydra.utils import instantiate
from omegaconf import OmegaConf
from support import compose
from torch.optim import Adam

import conf
from common.cli.report import main as report
from common.run.study import MATRIX, ROWS
from hydra_plugins.lic_conf.ablation_tables import row_config
from hydra_plugins.lic_conf.source import ConfSource

Lic = Callable[..., int]
ROOT = Path(conf.__file__).parent / "ablation"
TABLES = sorted(file.stem for file in ROOT.glob("*.yaml"))


def rows_of(table: str) -> list[str]:
    """The rows that Hydra offers as options."""
    with initialize_config_module("conf", version_base="1.3"):
        return list(GlobalHydra.instance().config_loader().get_group_options(f"ablation/{table}"))


@pytest.mark.parametrize("table", TABLES)
def test_every_row_composes_and_has_its_place_in_the_study(table: str) -> None:
    for row in rows_of(table):
        cfg = compose(f"ablation={table}", f"ablation/{table}={row}", "size=tiny")
        assert cfg.row == row and cfg.name == table and cfg.trainer.max_steps > 0
        OmegaConf.to_container(cfg.model, resolve=True, throw_on_missing=True)
    study = OmegaConf.to_container(cfg.study, resolve=True)
    assert (MATRIX if "bd_rate" in study else ROWS) == tuple(key for key in study if key in {*MATRIX, *ROWS})
    if "bd_rate" in study:
        placed = {what["row"] for what in study["curves"].values() if "row" in what}
        assert {len(claims) for claims in study["bd_rate"].values()} == {len(study["curves"])}
        assert set(study["bd_rate"]) <= set(study["curves"])
    else:
        placed = {claim["row"] for claim in study["rows"] if "row" in claim}
        assert {len(claim["cells"]) for claim in study["rows"]} == {len(study["columns"])}
        assert study["reference"] in placed
        assert all(set(study["claims"]) <= claim.keys() for claim in study["rows"])
        if cfg.lmbda is None:  # claims go by SET/FIGURE
            assert {key.partition("/")[0] for key in study["claims"] if "/" in key} <= set(cfg.data.sets)
    assert placed == set(rows_of(table))


def test_a_row_overrides_what_its_line_in_the_table_says() -> None:
    table = OmegaConf.load(ROOT / "adjacent_table3_modules.yaml")
    said = {entry.row: entry.overrides for entry in table.study.rows}
    assert rows_of("adjacent_table3_modules") == sorted(said)
    row = ["ablation=adjacent_table3_modules", "ablation/adjacent_table3_modules=gmb_dirb"]
    cfg = compose(*row)
    choices = cfg.hydra.runtime.choices
    assert {key: choices.get(key, cfg.get(key)) for key in said["gmb_dirb"]} == said["gmb_dirb"]
    assert not [entry for entry in cfg.study.rows if "overrides" in entry]  # results keep the settings, not the line
    other = compose(
        "ablation=adjacent_table3_modules", "ablation/adjacent_table3_modules=gmb_dirb", "attention=channel"
    )
    assert other.hydra.runtime.choices.attention == "channel" and other.mixture == 3  # the command line goes first


@pytest.mark.parametrize(
    ("package", "text", "sentence"),
    [
        (
            "rowless",
            "defaults: [/experiment/image/ticm]",
            "mine.yaml: no entry of its study.rows, or study.curves, has",
        ),
        (
            "undecided",
            "study: {rows: [{row: a, overrides: {}}]}",
            "its defaults lack '- /ablation/mine: ROW'",
        ),
    ],
)
def test_a_table_that_lacks_something_is_one_sentence(
    package: str, text: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / package / "ablation").mkdir(parents=True)
    (tmp_path / package / "__init__.py").touch()
    (tmp_path / package / "ablation/mine.yaml").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    source = ConfSource(provider="test", path=f"lic-conf://{package}")
    with pytest.raises(ConfigLoadError, match=re.escape(sentence)):
        source.load_config("ablation/mine")


@pytest.mark.parametrize("table", TABLES)
def test_the_sweep_starts_with_the_default_row(table: str) -> None:
    cfg = compose(f"ablation={table}")
    swept = cfg.hydra.sweeper.params[f"ablation/{table}"].split(",")
    assert cfg.row == swept[0] and set(swept) <= set(rows_of(table))


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
    ("table", "trained", "measured", "ours", "claimed"),
    [
        (
            "deeppynet_table73_parameters", ["model=flow/deeppynet"], ["data.test_limit=1"],
            ("DeepPyNet", "M param."), ("FlowNetC", "paper: parameters M", "39.2"),
        ),
        (
            "deeppynet_table72_benchmarks", ["model=flow/deeppynet"],
            ["data=flow/procedural", "data.test=[procedural_test]", "data.test_limit=1"],
            ("DeepPyNet", "procedural_test EPE"), ("VCN", "paper: KITTI", "8.36"),
        ),
    ],
)  # fmt: skip
def test_a_trained_run_is_measured_into_the_papers_table(
    table: str, trained: list[str], measured: list[str], ours: tuple[str, str], claimed: tuple[str, str, str],
    lic: Lic, tmp_path: Path,
) -> None:  # fmt: skip
    assert lic("train", *trained, "debug=step", "name=own") == 0
    (run,) = tmp_path.glob("runs/own/*/result.json")
    assert lic("eval", "-m", f"ablation={table}", f"run='{run.parent}'", *measured) == 0
    (report,) = tmp_path.glob(f"runs/{table}/report*/report.json")
    study = json.loads(report.read_text())["groups"][0]["studies"][0]
    rows = [dict(zip(study["columns"], row)) for row in study["rows"]]
    assert [row["method"] for row in rows if row[ours[1]]] == [ours[0]], "the one that was measured"
    assert [row[claimed[1]] for row in rows if row["method"] == claimed[0]] == [claimed[2]], "and those in print"


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


def test_a_row_takes_any_key_that_the_command_line_takes() -> None:
    """Groups with a place (`scheduler@model.scheduler`), groups without, recipes, and settings over all of them."""
    said = {
        "scheduler@model.scheduler": "constant",
        "attention": "none",
        "experiment": "image/cheng2020",
        "model.optimizer.lr": 0.5,
    }
    made = row_config("mine", OmegaConf.create({"study": {"rows": [{"row": "mine", "overrides": said}]}}), is_group)
    assert made == {
        "defaults": [
            {"override /attention": "none"},
            {"override /experiment@_global_": "image/cheng2020"},
            {"override /scheduler@model.scheduler": "constant"},
        ],
        "model": {"optimizer": {"lr": 0.5}},
        "row": "mine",
    }


def is_group(name: str) -> bool:
    return name in ("scheduler", "attention", "experiment")


def test_the_loss_brings_its_own_lmbda() -> None:
    for table, distortion, lmbda in (
        ("adjacent_table2_attention", "ms_ssim", "2.41,8.31"),
        ("adjacent_table3_modules", "mse", "0.0483"),
        ("adjacent_table3_modules", "ms_ssim", "60.56"),
    ):
        cfg = compose(f"ablation={table}", f"distortion={distortion}")
        assert cfg.hydra.sweeper.params.lmbda == lmbda and cfg.distortion == distortion


def test_a_sweep_of_rows_ends_in_the_papers_table(
    lic: Lic, tmp_path: Path, photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["ablation=adjacent_table3_modules", "distortion=mse"]  # crops of the tests are too small for MS-SSIM
    rows = "ablation/adjacent_table3_modules=baseline,gmb"
    assert lic("train", "-m", *command, rows, "seed=0,1", "debug=step", "name=modules") == 0
    files = {file.parent: json.loads(file.read_text()) for file in tmp_path.glob("runs/modules/*row-*/result.json")}
    results = {(result["row"], result["seed"]): result for result in files.values()}
    assert set(results) == {("baseline", 0), ("baseline", 1), ("gmb", 0), ("gmb", 1)} and len(files) == 4
    assert results["baseline", 0]["gmacs"] == results["baseline", 1]["gmacs"] < results["gmb", 0]["gmacs"]
    assert "Modules, table 3 of adjacent" in capsys.readouterr().out
    (written,) = tmp_path.glob("runs/modules/report*/report.json")
    study = json.loads(written.read_text())["groups"][0]["studies"][0]
    table = [dict(zip(study["columns"], row)) for row in study["rows"]]
    assert [row["paper: PSNR"] for row in table] == [
        "26.27", "27.95", "26.89", "30.33", "32.51", "31.23", "33.96", "35.89", "",
    ]  # fmt: skip
    assert [bool(row["bpp"]) for row in table] == [True, False, True] + 6 * [False]
    assert "±" in table[0]["bpp"] and "Mean ± sample standard deviation of 2 seeds." in study["notes"]

    for folder in (folder for folder, result in files.items() if result["seed"] == 1):
        assert lic("eval", f"run='{folder}'", f"data.test={photographs / 'one.png'}") == 0
    assert report([str(tmp_path / "runs/eval")]) == 0
    again = json.loads((tmp_path / "runs/eval/report/report.json").read_text())["groups"][0]["studies"][0]
    assert again["title"] == study["title"] and again["columns"][:4] == study["columns"][:4]
    assert [bool(row[4]) for row in again["rows"]] == [True, False, True] + 6 * [False]
    measured = [json.loads(file.read_text()) for file in tmp_path.glob("runs/eval/*/result.json")]
    assert {(result["row"], result["seed"]) for result in measured} == {("baseline", 1), ("gmb", 1)}


def test_a_recipe_of_a_row_leaves_nothing_of_the_tables_own() -> None:
    """The recipe of a row says no schedule here: its network's is taken, and not that of the table's recipe."""
    row = ["ablation=adjacent_table1_clic", "ablation/adjacent_table1_clic=balle", "distortion=mse"]
    cfg = compose(*row)
    data, model = cfg.data, cfg.model
    recipe = compose("experiment=image/hyperprior", "lmbda=0.025", "data=image/samples")
    assert cfg.hydra.runtime.choices["experiment@_global_"] == "image/hyperprior" and data == recipe.data
    assert model == recipe.model and cfg.trainer == recipe.trainer
    assert compose(row[0]).model.scheduler.fractions == [110, 35, 35]


@pytest.mark.parametrize(("distortion", "lmbda"), [("ms_ssim", "8.31"), ("mse", "0.025")])
def test_clic_is_measured_at_the_rate_of_the_paper(distortion: str, lmbda: str) -> None:
    cfg = compose("ablation=adjacent_table1_clic", f"distortion={distortion}")
    assert (cfg.lmbda, cfg.distortion, cfg.hydra.sweeper.params.lmbda) == (float(lmbda), distortion, lmbda)
    assert cfg.model.codec._target_.endswith(".Adjacent")


def test_published_weights_and_a_trained_run_are_rows_of_a_table(lic: Lic, tmp_path: Path, photographs: Path) -> None:
    torch.manual_seed(0)
    torch.save(Cheng2020Attention(N=32).state_dict(), tmp_path / "cheng.pth.tar")
    picture, table = f"data.test={photographs / 'two.png'}", "channel_postfilter_table1"
    cheng = [f"ablation={table}", f"ablation/{table}=cheng", "weights=cheng.pth.tar", "size=tiny", picture]
    assert lic("eval", *cheng, "lmbda=0.0018") == 0
    assert study_of(tmp_path / "runs/eval", "paper: PSNR", "bpp") == [
        ("32.33", False), ("33.10", False), ("31.81", False), ("32.28", True), ("32.28", False), ("32.08", False),
    ]  # fmt: skip

    assert (
        lic("train", "experiment=image/adjacent", "data=image/folder", f"data.train={photographs}", "debug=step") == 0
    )
    (run,) = tmp_path.glob("runs/debug/*/")
    assert lic("eval", "ablation=adjacent_table1_clic", f"run='{run}'", picture, "name=clic") == 0
    assert study_of(tmp_path / "runs/clic", "paper: bpp", "bpp")[-2:] == [("0.63", False), ("0.58", True)]


def study_of(runs: Path, claim: str, figure: str) -> list[tuple[str, bool]]:
    """The paper's `claim` in every line of the table of `runs`, and whether `figure` of ours stands beside it."""
    assert report([str(runs)]) == 0
    study = json.loads((runs / "report/report.json").read_text())["groups"][0]["studies"][0]
    table = [dict(zip(study["columns"], row)) for row in study["rows"]]
    return [(row[claim], bool(row[figure])) for row in table]
