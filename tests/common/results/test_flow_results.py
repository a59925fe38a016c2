"""Runs without a rate: told from those with one, and grouped by what they were measured on."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.score_runs import DATASET, score_run

from common.errors import LicError
from common.io import write_json
from common.results.collect import collect
from common.results.flow_results import score
from common.results.groups import group_scores
from common.results.record import Modality, Record


def test_what_a_run_folder_says(tmp_path: Path) -> None:
    folder = score_run(tmp_path / "a", {"stereo/epe": 1.5, "stereo/s40+": None}, seed=1)
    collection = collect([tmp_path])
    (found,) = collection.scores
    assert (collection.curves, collection.failures) == ([], [])
    assert found.results == {"stereo/epe": 1.5, "stereo/s40+": None}
    assert found.costs == {"parameters": 1_234_000, "gmacs": 5.678, "pair_time": 0.03}
    assert (found.name, found.protocol, found.dataset, found.seed) == ("net_tiny", "flow", DATASET, 1)
    assert found.source == folder / "result.json"


@pytest.mark.parametrize(
    ("content", "scores"),
    [
        ({"protocol": "flow", "results": {"stereo/epe": [1.0]}}, True),
        ({"protocol": "flow", "results": {}}, True),  # sets without ground truth only
        ({"protocol": "image", "results": {"bpp": [1.0], "psnr-rgb": [30.0]}}, False),
        ({"protocol": "image", "results": {"psnr-rgb": [30.0]}}, False),  # lost its rate: no score either
        ({"results": {"stereo/epe": [1.0]}}, False),
        ([1], False),
    ],
)
def test_a_rate_or_none(content: Any, scores: bool) -> None:
    assert (Record(Path("result.json"), content).kind is Modality.FLOW) == scores


@pytest.mark.parametrize("values", [1.0, [1.0, 2.0], ["x"], [True]])
def test_figures_that_are_none(values: Any) -> None:
    with pytest.raises(LicError, match=r'"stereo/epe" holds .* one number is expected'):
        score({"protocol": "flow", "results": {"stereo/epe": values}}, {}, Path("result.json"))


def test_failures_are_listed_beside_scores(tmp_path: Path) -> None:
    score_run(tmp_path / "good", {"stereo/epe": 1.5})
    broken = score_run(tmp_path / "broken", {"stereo/epe": 1.5})
    content = json.loads((broken / "result.json").read_text())
    write_json(broken / "result.json", content | {"results": {"stereo/epe": []}})
    (tmp_path / "nan").mkdir()
    write_json(tmp_path / "nan/failed.json", {"reason": "loss is NaN at step 12"})
    collection = collect([tmp_path])
    assert len(collection.scores) == 1
    assert [failure.folder.name for failure in collection.failures] == ["broken", "nan"]


def test_protocols_and_test_sets_never_mix(tmp_path: Path) -> None:
    score_run(tmp_path / "a", {"stereo/epe": 1.5}, dataset="stereo 1 pairs")
    score_run(tmp_path / "b", {"stereo/epe": 1.5})
    score_run(tmp_path / "c", {"stereo/epe": 1.7}, name="other")
    score_run(tmp_path / "d", {"stereo/epe": 1.5}, protocol="flow_at_half")
    groups = group_scores(collect([tmp_path]).scores)
    assert [(group.protocol, group.dataset, len(group.scores)) for group in groups] == [
        ("flow", DATASET, 2),
        ("flow", "stereo 1 pairs", 1),
        ("flow_at_half", DATASET, 1),
    ]
