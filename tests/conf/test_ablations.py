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
from omegaconf import OmegaConf
from support import compose

import conf
from common.cli.report import main as report
from common.run.study import MATRIX, ROWS
from hydra_plugins.lic_conf.ablation_tables import OF_TABLE, RECIPE, row_config
from hydra_plugins.lic_conf.ablation_tables import rows_of as ablation_rows
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
    said = ablation_rows(OmegaConf.load(ROOT / f"{table}.yaml"))
    for row in rows_of(table):
        cfg = compose(f"ablation={table}", f"ablation/{table}={row}", "size=tiny")
        assert cfg.row == row and cfg.name == table and cfg.trainer.max_steps > 0
        OmegaConf.to_container(cfg.model, resolve=True, throw_on_missing=True)
        for key, value in said[row].items():  # an `override` of the table itself may win, and Hydra says nothing
            chosen = cfg.hydra.runtime.choices.get(OF_TABLE if key == RECIPE else key)
            assert (OmegaConf.select(cfg, str(key)) if chosen is None else chosen) == value, (row, key)
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


def test_published_weights_and_a_trained_run_are_rows_of_a_table(lic: Lic, tmp_path: Path, photographs: Path) -> None:
    torch.manual_seed(0)
    torch.save(Cheng2020Attention(N=32).state_dict(), tmp_path / "cheng.pth.tar")
    picture, table = f"data.test={photographs / 'two.png'}", "channel_postfilter_table1"
    cheng = [f"ablation={table}", f"ablation/{table}=cheng", "weights=cheng.pth.tar", "size=tiny", picture]
    assert lic("eval", *cheng, "lmbda=0.0018") == 0
    assert study_of(tmp_path / "runs/eval", "paper: PSNR", "bpp") == [
        ("32.33", False), ("33.10", False), ("31.81", False), ("32.28", True), ("32.28", False), ("32.08", False),
        ("", False),  # the post-filter with its sigmoid, which the paper has no figure of
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
