"""Attention, mixture and refinement as overrides: on every CNN codec, in a sweep, refused where they mean nothing."""

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hydra.utils import instantiate
from support import compose
from support.tracked import tracked_runs

from common.entropy.models import GaussianConditional, GaussianMixtureConditional
from lic_image.layers.adjacent_attention import AdjacentAttention
from lic_image.layers.channel_attention import ChannelAttention
from lic_image.layers.decoded_refinement import DecodedRefinement
from lic_image.layers.nonlocal_attention import NonLocalAttention
from lic_image.layers.post_filter import PostFilter
from lic_image.layers.simplified_attention import SimplifiedAttention

Lic = Callable[..., int]
ATTENTION = {
    "none": None,
    "simplified": SimplifiedAttention,
    "nonlocal": NonLocalAttention,
    "adjacent": AdjacentAttention,
    "channel": ChannelAttention,
}
REFINEMENT = {"none": None, "nonlocal": DecodedRefinement, "postfilter": PostFilter}
CNN = ["adjacent", "channel_postfilter", "factorized", "hyperprior", "mean_hyperprior"]
SMALL = ["size=tiny", "model.codec.N=8", "model.codec.M=12"]


def composed(model: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Every option of both groups as the command line gives it, each once."""
    attention, refinement = {}, {}
    for i, name in enumerate(ATTENTION):
        other = list(REFINEMENT)[i % 3]
        cfg = compose(f"model=image/{model}", f"attention={name}", f"refinement={other}", *SMALL)
        attention[name], refinement[other] = cfg, cfg.refinement
    return attention, refinement


def block(layers: Any, name: str) -> Any:
    return type(getattr(layers, name)) if hasattr(layers, name) else None


@pytest.mark.parametrize("model", CNN)
def test_every_combination_is_built(model: str) -> None:
    attention, refinement = composed(model)
    for (a, r), G in product(product(ATTENTION, REFINEMENT), (1, 3)):
        cfg = attention[a].copy()
        cfg.refinement = refinement[r]
        if model == "factorized":
            assert "mixture" not in cfg
        else:
            cfg.mixture = G
        codec = instantiate(cfg.model.codec)
        parts = [codec.g_a, codec.g_s] if model == "factorized" else [codec.g_a, codec.h_a, codec.h_s, codec.g_s]
        assert {block(part, "attention") for part in parts} == {ATTENTION[a]}
        assert block(codec.g_s, "refinement") == REFINEMENT[r]
        if a != "none":
            first = next(name for name, _ in codec.g_s.named_children())
            assert (first == "attention") == (a != "channel"), "CBAM's stands at the end of the decoders"
        if model != "factorized":
            coder = codec.gaussian_conditional
            assert type(coder) is (GaussianConditional if G == 1 else GaussianMixtureConditional)
            assert (codec.merge.G, coder.K) == (3, 3) if G == 3 else codec.merge is None


def test_the_papers_codecs_have_the_papers_blocks() -> None:
    adjacent = instantiate(compose("model=image/adjacent", *SMALL).model.codec)
    assert block(adjacent.g_a, "attention") is AdjacentAttention and adjacent.merge.G == 3
    assert block(adjacent.g_s, "refinement") is DecodedRefinement
    other = instantiate(compose("model=image/channel_postfilter", *SMALL).model.codec)
    assert block(other.g_a, "attention") is ChannelAttention and other.merge is None
    assert block(other.g_s, "refinement") is PostFilter


def test_any_number_of_gaussians() -> None:
    assert instantiate(compose("model=image/hyperprior", "mixture=5", *SMALL).model.codec).merge.G == 5


@pytest.mark.parametrize("mixture", ["0", "-3", "1.5", "many"])
def test_no_number_of_gaussians_is_one_sentence(mixture: str, lic: Lic, tmp_path: Path) -> None:
    assert lic("train", "model=image/adjacent", f"mixture={mixture}", "debug=step") == 2
    (failure,) = tmp_path.glob("runs/debug/*/failed.json")
    assert json.loads(failure.read_text())["reason"].startswith("mixture must be a whole number")


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["model=image/swift", "attention=none"], "there is no setting attention with these choices"),
        (["model=image/swift", "refinement=nonlocal"], "there is no setting refinement with these choices"),
        (["model=image/swift", "mixture=3"], "there is no setting mixture with these choices"),
        (["model=image/factorized", "mixture=3"], "there is no setting mixture with these choices"),
        (["model=image/adjacent", "attention=foo"], "there is no attention=foo: choose one of adjacent, channel"),
        (["model=image/adjacent", "refinement=foo"], "there is no refinement=foo: choose one of"),
    ],
)
def test_what_a_model_does_not_have_is_refused(
    overrides: list[str], sentence: str, lic: Lic, capfd: pytest.CaptureFixture[str]
) -> None:
    assert lic("train", *overrides, "debug=step") == 2
    said = capfd.readouterr().err
    assert sentence in said and "Traceback" not in said


def test_a_sweep_over_attention_is_one_group_and_one_table(
    lic: Lic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WANDB_API_KEY", "WANDB_BASE_URL", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    options = ["none", "simplified", "nonlocal", "adjacent"]
    command = ["-m", "model=image/adjacent", f"attention={','.join(options)}", "debug=step", "logger=wandb"]
    assert lic("train", *command) == 0
    *points, report = tracked_runs(tmp_path, 5)
    assert {run.exit_code for run in (*points, report)} == {0}
    assert len({run.group for run in (*points, report)}) == 1
    assert [run.job_type for run in points] == ["train"] * 4 and report.job_type == "report"
    targets = {run.config.get("attention/block/_target_", "none").rsplit(".", 1)[-1] for run in points}
    assert targets == {"none", "SimplifiedAttention", "NonLocalAttention", "AdjacentAttention"}
    assert all(run.config["mixture"] == 3 for run in points)
    table = json.loads((report.folder / "files" / report.summary["rate_distortion"]["path"]).read_text())
    assert len({row[0] for row in table["data"]}) == len(table["data"]) == 4, "a curve each, named apart"
    assert sorted(row[3] for row in table["data"]) == sorted(run.summary["test/bpp"] for run in points)
    parameters = {run.name: run.config["parameters"] for run in points}
    assert len(set(parameters.values())) == 4
