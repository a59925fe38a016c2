"""What training sees of clips: frame after frame of the same clips, a function of (seed, step)."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from support.clips import moving

from common.data.sequences import sequences
from common.data.video_writing import write_clip
from common.errors import LicError
from lic_video.data import FrameByFrame, MixedClips, VideoClips, WatchedClips
from lic_video.datasets.clips import ProceduralClips
from lic_video.datasets.procedural import procedural_sequences


class Numbered:
    """Frame t of clip n holds n and t."""

    def frame(self, n: int, t: int) -> torch.Tensor:
        return torch.tensor([n, t, 0], dtype=torch.uint8).reshape(3, 1, 1).expand(3, 4, 4)


def test_steps_go_through_the_same_clips_then_come_others() -> None:
    data = FrameByFrame(Numbered(), frames=4, batch_size=2)

    def step(s: int) -> list[tuple[int, int, int, bool]]:
        samples = [data[2 * s + b] for b in range(2)]
        return [(s["number"], int(s["previous"][1, 0, 0]), int(s["current"][1, 0, 0]), s["first"]) for s in samples]

    assert [step(s) for s in range(4)] == [
        [(0, 0, 1, True), (1, 0, 1, True)],
        [(0, 1, 2, False), (1, 1, 2, False)],
        [(0, 2, 3, False), (1, 2, 3, False)],
        [(2, 0, 1, True), (3, 0, 1, True)],
    ]
    again = FrameByFrame(Numbered(), frames=4, batch_size=2, overfit=3)
    assert [again[n]["number"] for n in (6, 7, 12, 13)] == [2, 0, 1, 2]
    with pytest.raises(LicError, match="at least 2 frames"):
        FrameByFrame(Numbered(), 1, 2)


def test_mixtures_draw_as_the_weights_say_and_a_clip_stays_itself() -> None:
    class Fixed:
        def __init__(self, value: int) -> None:
            self.value = value

        def frame(self, n: int, t: int) -> torch.Tensor:
            return torch.tensor([self.value, n, t])

    mixed = MixedClips([Fixed(1), Fixed(2)], [3, 1], seed=5)
    drawn = [int(mixed.frame(n, 0)[0]) for n in range(400)]
    assert 0.18 < drawn.count(2) / 400 < 0.32
    assert all(int(mixed.frame(n, t)[0]) == drawn[n] for n in range(20) for t in (1, 2))
    with pytest.raises(LicError, match="one to each"):
        MixedClips([Fixed(1)], [1, 1], 0)


def module(**changes: Any) -> VideoClips:
    settings: dict[str, Any] = {
        "clips": {"procedural": partial(ProceduralClips, max_motion=4)},
        "sets": {"procedural": partial(procedural_sequences, count=2, size=(40, 48), frames=5)},
        "roots": {},
        "train": ["procedural"],
        "test": ["procedural"],
        "crop": 32,
        "frames": 3,
        "batch_size": 2,
    }
    return VideoClips(**(settings | changes))


def test_batches_are_floats_flipped_alike_within_a_clip() -> None:
    data = module()
    data.setup("fit")
    samples = [data.train_set[n] for n in range(16)]
    batch: dict[str, Any] = {
        key: torch.stack([torch.as_tensor(sample[key]) for sample in samples]) for key in samples[0]
    }
    drawn = data.on_before_batch_transfer(batch, 0)
    out = data.on_after_batch_transfer(drawn, 0)
    assert out["current"].dtype == torch.float32 and out["current"].min() >= 0 and out["current"].max() <= 1
    flips: dict[int, set[bool]] = {}
    for i, sample in enumerate(samples):
        straight = sample["current"].float() / 255
        flipped = bool((out["current"][i] != straight).any())
        assert torch.equal(out["current"][i], straight.flip(-1) if flipped else straight)
        flips.setdefault(sample["number"], set()).add(flipped)
    assert all(len(kinds) == 1 for kinds in flips.values()) and {True, False} == set.union(*flips.values())


def test_starting_pairs_and_watched_clips() -> None:
    data = module()
    data.setup("fit")
    assert data.starting_images(4).shape == (4, 2, 3, 32, 32)
    assert isinstance(data.val_set, WatchedClips) and len(data.val_set) == 2
    clip = data.val_set[0]["clip"]
    assert clip.shape == (3, 3, 32, 32)
    whole = torch.from_numpy(next(iter(data.sequences()[0].clip())))
    assert torch.equal(clip[0], whole[4:36, 8:40].permute(2, 0, 1))


def test_wrong_names_and_missing_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(LicError, match="no clips 'films'; choose from procedural"):
        module(train=["films"])
    data = module(roots={"procedural": None})
    with pytest.raises(LicError, match=r"data.roots.procedural=FOLDER"):
        data.sequences()
    assert module().identity().startswith("procedural 2 sequences ")


def test_clips_of_one_name_in_two_sets_are_told_apart() -> None:
    listed = partial(procedural_sequences, size=(40, 48), frames=2)
    data = module(sets={"near": partial(listed, count=1), "far": partial(listed, count=2)}, test=["near", "far"])
    assert [sequence.name for sequence in data.sequences()] == ["near-scene_0", "far-scene_0", "scene_1"]


def test_a_damaged_test_clip_is_found_before_training(tmp_path: Path) -> None:
    write_clip(tmp_path / "good.mkv", moving(48, 48, 6), 25)
    write_clip(tmp_path / "bad.mkv", moving(48, 48, 6), 25)
    data = module(sets={"sequences": sequences}, roots={"sequences": str(tmp_path)}, test=["sequences"])
    data.check()
    content = bytearray((tmp_path / "bad.mkv").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "bad.mkv").write_bytes(content)
    with pytest.raises(LicError, match=r"1 of the 2 test clips cannot be read \(bad\).*bad\.mkv is damaged: frame \d"):
        data.check()
