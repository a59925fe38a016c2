"""On which photographs and clips of runs classical codecs are measured, and when they are not."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf
from rich.console import Console
from support.clips import moving
from support.score_runs import score_run

from common.baselines.for_runs import evaluated, measure_baselines
from common.data.sequences import find_sequences, sequences_identity
from common.data.video_writing import write_clip
from common.io import write_json
from common.results.curves import load


def configured(folder: Path, baselines: Sequence[str], **more: Any) -> Path:
    OmegaConf.save(OmegaConf.create({"report": {"baselines": list(baselines)}, **more}), folder / "config.yaml")
    return folder


def image_run(folder: Path, sources: Sequence[Path], *baselines: str) -> Path:
    images = [{"source": str(source)} for source in sources]
    write_json(folder / "result.json", {"dataset": "two 2 pictures 01234567", "images": images})
    return configured(folder, baselines)


def clip_run(folder: Path, clips: Path, *baselines: str, gop: int = 12) -> Path:
    """A run that was evaluated on the clips in a folder, of which its configuration knows."""
    found = find_sequences([clips])
    head = {"dataset": sequences_identity("sequences", found), "sequences": [{"sequence": s.name} for s in found]}
    conditions = {"protocol": "dvc_gop", "gop": gop, "frames": 100, "crop": 64, "conversion": "bt709"}
    write_json(folder / "result.json", {**head, "conditions": conditions})
    sets = {"sequences": {"_target_": "common.data.sequences.sequences", "_partial_": True}}
    data = {"_target_": "lic_video.data.VideoClips", "sets": sets, "roots": {"sequences": str(clips)}}
    data |= {"clips": {}, "train": [], "test": ["sequences"], "crop": 64, "frames": 2, "batch_size": 1}
    return configured(folder, baselines, data=data)


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    (tmp_path / "clips").mkdir()
    write_clip(tmp_path / "clips" / "pan.mkv", moving(66, 64, 3), 25)
    return tmp_path / "clips"


def measured(folders: Sequence[Path], out: Path) -> tuple[list[str], str]:
    """Files below `out` that are made, and what is said beside the progress bars."""
    console = Console(file=io.StringIO(), record=True, width=200)
    files = measure_baselines(folders, out, console)
    said = [line for line in console.export_text().splitlines() if line.startswith("Left out")]
    return [file.relative_to(out).as_posix() for file in files], "\n".join(said)


def test_measures_of_ones_own_are_measured_of_classical_codecs_too(tmp_path: Path, photographs: Path) -> None:
    files = [photographs / "one.png", photographs / "two.png"]
    mine = {"_target_": "torch.nn.functional.l1_loss", "_partial_": True}
    image_run(tmp_path / "a", files, "jpeg")
    configured(image_run(tmp_path / "b", files), ["jpeg"], protocol={"metrics": {"mine": mine}})
    made, _ = measured([tmp_path / "a", tmp_path / "b"], tmp_path / "out")
    (curve,) = (load(tmp_path / "out" / file) for file in made)
    assert all(point.quality("mine") > 0 for point in curve.points)


def test_runs_on_the_same_photographs_are_measured_once(tmp_path: Path, photographs: Path) -> None:
    files = [photographs / "one.png", photographs / "two.png"]
    a = image_run(tmp_path / "runs" / "a", files, "jpeg")
    b = image_run(tmp_path / "runs" / "b", files, "jpeg", "webp")
    flow = configured(score_run(tmp_path / "flow", {"stereo/epe": 1.0}), ["jpeg"])
    (each,) = evaluated([a, b, flow, tmp_path / "unfinished"])
    assert each.baselines == ["jpeg", "webp"] and len(each.result["images"]) == 2
    assert [e.baselines for e in evaluated([tmp_path / "runs"])] == [["jpeg", "webp"]]
    names = ["01234567/jpeg.baseline.json", "01234567/webp.baseline.json"]
    assert measured([a, b, flow], tmp_path / "out") == (names, "")


def test_what_cannot_be_measured_is_said_once(tmp_path: Path) -> None:
    gone = image_run(tmp_path / "b", [tmp_path / "moved.png"], "jpeg", "webp", "unheard")
    files, said = measured([gone], tmp_path / "out")
    assert files == [] and said.count("Left out") == 2
    assert "there is no classical codec 'unheard'." in said and "moved.png" in said


def test_a_damaged_result_keeps_no_other_run_from_its_baselines(tmp_path: Path, photographs: Path) -> None:
    good = image_run(tmp_path / "good", [photographs / "one.png", photographs / "two.png"], "jpeg")
    damaged = image_run(tmp_path / "damaged", [photographs / "one.png"], "jpeg")
    (damaged / "result.json").write_text("{")
    assert measured([good, damaged], tmp_path / "out") == (["01234567/jpeg.baseline.json"], "")


def test_clips_are_those_of_the_run_under_its_own_conditions(tmp_path: Path, clips: Path) -> None:
    runs = [clip_run(tmp_path / f"gop{gop}", clips, "x264", "jpeg", gop=gop) for gop in (12, 2)]
    content = json.loads((runs[0] / "result.json").read_text())
    place = content["dataset"].split()[-1]
    files, said = measured(runs, tmp_path / "out")
    assert files == [
        f"{place}/x264.dvc_gop+conversion-bt709.baseline.json",
        f"{place}/x264.dvc_gop+gop-2+conversion-bt709.baseline.json",
    ]
    assert said == "Left out: there is no classical codec 'jpeg'."
    found = [json.loads((tmp_path / "out" / file).read_text()) for file in files]
    assert found[0]["conditions"] == content["conditions"] and found[0]["dataset"] == content["dataset"]
    assert [sequence["sequence"] for sequence in found[1]["sequences"]] == ["pan"] * 4
    bits = [entry["frames"][0]["bits"] for entry in found]
    assert bits[1][2] > 2 * bits[0][2]  # an intra frame

    (clips / "pan.mkv").unlink()
    assert measured(runs, tmp_path / "out") == (files, said), "what was measured is kept when the clips have gone"


def test_other_clips_in_the_same_place_are_not_taken_for_those_of_the_run(tmp_path: Path, clips: Path) -> None:
    run = clip_run(tmp_path / "run", clips, "x264", "x265")
    write_clip(clips / "pan.mkv", moving(66, 64, 3, seed=1), 25)
    assert measured([run], tmp_path / "out") == (
        [], f"Left out: the clips that {run} was evaluated on have changed since.",
    )  # fmt: skip
