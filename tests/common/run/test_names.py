"""What runs and curves are called: by values, in words, and as before where a folder is there already."""

from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from support import compose

from common.run.names import LONGEST, curve_name, former_slug, slug
from common.run.settings import changed


def test_folder_name_is_the_sorted_overrides() -> None:
    assert slug(["size=tiny", "lmbda=0.013"]) == "lmbda-0.013+size-tiny" == slug(["lmbda=0.013", "size=tiny"])


def test_the_last_of_two_overrides_counts() -> None:
    assert slug(["lmbda=0.1", "lmbda=0.2"]) == "lmbda-0.2"


def test_what_does_not_change_the_result_does_not_change_the_folder() -> None:
    silent = ["logger=wandb", "logger.project=x", "hydra.verbose=true", "runs=/a", "data.roots.sintel=/b"]
    assert slug(["lmbda=1", *silent]) == "lmbda-1"


def test_nothing_overridden() -> None:
    assert slug([]) == slug(["experiment=image/demo"]) == "default"


def test_names_that_a_file_system_refuses_stay_distinct() -> None:
    a, b = slug(["data.train=/x/y"]), slug(["data.train=-x-y"])
    assert "/" not in a and a != b
    long = slug([f"model.codec.N={'1' * 300}"])
    assert len(long) < LONGEST + 20 and long != slug([f"model.codec.N={'1' * 301}"])


@pytest.mark.parametrize(
    "spellings",
    [
        ["lmbda=0.0001", "lmbda=1e-4"],
        ["lmbda=0.013", "lmbda=.013", "lmbda=1.3e-2"],
        ["lmbda=512", "lmbda=512.0"],
        ["model.compile=false", "model.compile=False", "model.compile=FALSE"],
        ["data.train=photos", "data.train=photos/", "data.train=./photos", "data.train='photos'"],
        ["data.test=[uvg,mcl_jcv]", "data.test=[uvg, 'mcl_jcv']"],
    ],
    ids=lambda spellings: spellings[0],
)
def test_values_count_and_not_their_spelling(spellings: list[str]) -> None:
    assert len({slug([spelling]) for spelling in spellings}) == 1
    assert len({curve_name("swift", "", [spelling], unnamed=()) for spelling in spellings}) == 1


def test_a_configuration_is_compared_by_values() -> None:
    assert changed({"data": {"train": "photos/"}, "lr": 1}, {"data": {"train": "./photos"}, "lr": 1.0}) == []
    assert changed({"data": {"train": "a/b"}}, {"data": {"train": "b"}}) == ["data.train"]
    assert changed({"url": "https://a//b"}, {"url": "https://a/b"}) == ["url"]


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        (["data.train=/home/me/a/very/long/path/" + "x" * 120 + "/photos"], "data.train-photos-"),
        (["data.train='data/日本'"], "data.train-"),
        (["run=runs/demo/lmbda-0.013+size-tiny"], "run-lmbda-0.013-size-tiny-"),
        (["model=image/compressai/mbt2018"], "model-image.compressai.mbt2018"),
    ],
    ids=str,
)
def test_paths_are_shortened_to_their_last_part_and_can_be_typed(overrides: list[str], name: str) -> None:
    folder = slug(overrides)
    assert folder.startswith(name) and len(folder) <= len(name) + 6
    parsed = OverridesParser.create().parse_override(f"run=runs/train/{folder}")
    assert parsed.value() == f"runs/train/{folder}"


def test_of_many_overrides_the_last_parts_of_the_keys_are_named() -> None:
    data = ["data=image/folder", "data.train=photos/clic", "data.test=photos/kodak", "data.name=kodak", "size=tiny"]
    folder = slug([*data, "model=image/swift", "model.optimizer.lr=1e-3", "lmbda=0.013"])
    for word in ("train-clic", "test-kodak", "name-kodak", "lmbda-0.013", "image.swift", "lr-0.001"):
        assert word in folder
    assert len(folder) <= LONGEST + 7 and folder[:-7].endswith("+lr-0.001")
    assert folder != slug([*data, "model=image/swift", "model.another.lr=1e-3", "lmbda=0.013"])


def test_folders_of_the_same_last_part_are_told_apart() -> None:
    assert slug(["data.train=a/photos"]) != slug(["data.train=b/photos"])
    assert slug(["data.test=[sequences]", "data.roots.sequences=a"]) != slug(
        ["data.test=[sequences]", "data.roots.sequences=b"]
    )


def test_roots_of_ones_own_clips_are_the_data_and_those_of_published_sets_are_not() -> None:
    old = {"data": {"roots": {"uvg": "/a", "folder": "/a"}}}
    assert changed(old, {"data": {"roots": {"uvg": "/b", "folder": "/a"}}}) == []
    assert changed(old, {"data": {"roots": {"uvg": "/a", "folder": "/b"}}}) == ["data.roots.folder"]


def test_where_a_name_is_given_the_experiment_counts() -> None:
    assert slug(["name=x", "experiment=image/demo"]) != slug(["name=x", "experiment=image/factorized"])
    assert slug(["experiment=image/demo"]) == "default"


def test_a_label_names_a_curve_and_no_folder() -> None:
    assert slug(["lmbda=1", "label=mine"]) == "lmbda-1"
    assert changed({"label": "a"}, {"label": "b"}) == []


def test_the_folder_of_a_run_of_an_earlier_version_is_found(tmp_path: Path) -> None:
    overrides = ["data.train=/a/b", "lmbda=1e-4"]
    former = tmp_path / former_slug(overrides)
    assert former.name == "data.train--a-b+lmbda-1e-4-988e9f83"
    assert slug(overrides, tmp_path) == slug(overrides)
    former.mkdir()
    (former / "config.yaml").write_text("overrides: [data.train=/a/b, lmbda=0.0001]\n")
    assert slug(overrides, tmp_path) == former.name
    (former / "config.yaml").write_text("overrides: [data.train=/a/b, lmbda=0.0002]\n")
    assert slug(overrides, tmp_path) == slug(overrides)


def test_a_curve_is_called_by_the_end_of_long_paths() -> None:
    long = f"runs/intra/{'data-image+' * 10}0123abcd-89abcdef"
    cfg = compose("model=video/ofmc", "size=tiny", f"parts.intra='{long}'", "parts.motion_estimation.network=runs/flow")
    assert cfg.label == "ofmc_tiny parts.intra=…ge+0123abcd-89abcdef parts.motion_estimation.network=runs/flow"
    place = "/home/me/experiments/of/this/year/runs/intra/lmbda-0.01"
    assert curve_name("x", "", [f"parts.intra={place}"]) == "x parts.intra=…/intra/lmbda-0.01"
