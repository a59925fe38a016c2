"""Which sheet belongs to which test set or clip, and what a report shows of them."""

from pathlib import Path

import numpy as np
from PIL import Image
from support.score_runs import score_run
from support.video_runs import video_run

from common.report.figures.sheets import frame_sheets, mixed, pair_sheets, sheet_figures
from common.results.collect import collect
from common.results.groups import group_scores

DATASET = "sintel_clean 2 pairs 01234567, sintel_clean_test 1 pair 89abcdef, stereo 1 pairs"
NAMES = ["stereo_motorcycle", "sintel_clean_test_cave_1", "sintel_clean_alley_2", "sintel_clean_alley_1", "lost"]


def test_sets_by_name_also_where_one_begins_as_another(tmp_path: Path) -> None:
    score_run(tmp_path / "run", {}, sheets=NAMES)
    found = pair_sheets(tmp_path / "run", DATASET)
    assert {name: [file.stem for file in files] for name, files in found.items()} == {
        "sintel_clean": ["sintel_clean_alley_1", "sintel_clean_alley_2"],
        "sintel_clean_test": ["sintel_clean_test_cave_1"],
        "stereo": ["stereo_motorcycle"],
        "": ["lost"],
    }
    assert [file.stem for file in mixed(found)][::4] == ["sintel_clean_alley_1", "sintel_clean_alley_2"]
    assert pair_sheets(tmp_path, DATASET) == {} == pair_sheets(tmp_path, None)


def test_frames_by_clip(tmp_path: Path) -> None:
    run = video_run(tmp_path / "run", 64, {"scene_1": (0.1, 30.0), "scene_1_b": (0.1, 30.0), "scene_10": (0.1, 30.0)})
    found = frame_sheets(run, ["scene_10", "scene_1", "scene_1_b"])
    assert {name: [file.stem for file in files] for name, files in found.items()} == {
        name: [f"{name}_0006", f"{name}_0018"] for name in ("scene_10", "scene_1", "scene_1_b")
    }


def test_four_pairs_of_every_set_of_the_first_seed(tmp_path: Path) -> None:
    names = [f"stereo_{n}" for n in range(6)]
    score_run(tmp_path / "b", {"stereo/epe": 1.0}, seed=1, sheets=["stereo_9"], dataset=DATASET)
    score_run(tmp_path / "a", {"stereo/epe": 1.0}, sheets=names, dataset=DATASET)
    score_run(tmp_path / "c", {"stereo/epe": 0.5}, "better", sheets=["stereo_0", "sintel_clean_0"], dataset=DATASET)
    (group,) = group_scores(collect([tmp_path]).scores)
    out = tmp_path / "out"
    written = sheet_figures(group, out, "-2")
    assert [file.name for file in written] == [
        "pairs-2-1-sintel_clean.png", "pairs-2-1-stereo.png", "pairs-2-2-stereo.png",
    ]  # fmt: skip
    shown = np.asarray(Image.open(written[-1]))
    colours = {tuple(colour) for colour in shown[shown[..., 2] == 0].reshape(-1, 3)}
    assert colours == {(250, 10 * n, 0) for n in range(4)}


def test_of_many_runs_each_shows_fewer_pairs(tmp_path: Path) -> None:
    for n in range(8):
        score_run(tmp_path / f"{n}", {"stereo/epe": float(n)}, f"{n}", sheets=[f"stereo_{k}" for k in range(4)])
    (group,) = group_scores(collect([tmp_path]).scores)
    written = sheet_figures(group, tmp_path / "out")
    assert len(written) == 8
    shown = np.asarray(Image.open(written[0]))
    assert {tuple(colour) for colour in shown[shown[..., 2] == 0].reshape(-1, 3)} == {(250, 0, 0), (250, 10, 0)}
