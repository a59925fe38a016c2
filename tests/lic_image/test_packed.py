"""Training from shards: the batches of any number of ranks, and runs that are interrupted in the middle of a pass."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from support import textured

from common.cli import main
from common.errors import LicError
from lic_image.data import PackedPhotographs
from lic_image.module import ImageCodec

Lic = Callable[..., int]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    for k in range(7):
        Image.fromarray(textured(70 + k, 80, seed=k)).save(folder / f"{k}.png")
    out = folder.parent / "shards"
    assert main(["data", "pack", str(folder), str(out), "--size-limit", "20K"]) == 0
    assert len(list(out.glob("*.tar"))) > 2
    return out


def batches(
    packed: Path, photographs: Path, step: int, count: int, rank: int, world: int, resize: bool = False
) -> list[torch.Tensor]:
    settings: dict[str, Any] = {
        "test": str(photographs), "name": "test", "crop": 16, "batch_size": 4, "resize": resize
    }  # fmt: skip
    module = PackedPhotographs(str(packed), window=2, **settings)
    module.setup("fit")
    module.trainer = SimpleNamespace(  # type: ignore[assignment]
        accumulate_grad_batches=1, global_rank=rank, world_size=world, global_step=step, max_steps=100
    )
    served = (module.on_before_batch_transfer(batch, 0) for batch in module.train_dataloader())
    return [module.on_after_batch_transfer(batch, 0)["image"] for batch in islice(served, count)]


def test_steps_are_the_same_on_any_number_of_ranks(packed: Path, photographs: Path) -> None:
    whole = batches(packed, photographs, 0, 5, 0, 1)
    ranks = [batches(packed, photographs, 1, 4, rank, 2) for rank in range(2)]
    assert all(torch.equal(a, torch.cat(parts)) for a, parts in zip(whole[1:], zip(*ranks), strict=True))


def test_packed_photographs_are_resized_whole(packed: Path, photographs: Path) -> None:
    undisturbed = batches(packed, photographs, 0, 7, 0, 1, resize=True)
    ranks = [batches(packed, photographs, 3, 4, rank, 2, resize=True) for rank in range(2)]
    assert all(torch.equal(a, torch.cat(parts)) for a, parts in zip(undisturbed[3:], zip(*ranks), strict=True))
    wholes = [
        Image.fromarray(textured(70 + k, 80, seed=k)).resize((16, 16), Image.Resampling.LANCZOS) for k in range(7)
    ]
    expected = [torch.from_numpy(np.array(each)).permute(2, 0, 1) / 255 for each in wholes]
    seen = [
        [k for k, e in enumerate(expected) if torch.equal(image, e) or torch.equal(image, e.flip(-1))]
        for image in torch.cat(undisturbed)
    ]
    assert all(len(found) == 1 for found in seen)
    assert [sorted(found[0] for found in seen[7 * n : 7 * n + 7]) for n in range(4)] == 4 * [list(range(7))]


def test_a_run_interrupted_in_the_middle_of_a_pass_ends_like_an_undisturbed_one(
    packed: Path, lic: Lic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = [
        "model=image/swift", "data=image/shards", f"data.train={packed}", "data.name=test", "data.window=2",
        "data.num_workers=1", "trainer.max_steps=6", "trainer.val_check_interval=2",
    ]  # fmt: skip
    assert lic("train", *point, "name=whole") == 0
    original = ImageCodec.training_step

    def failing(self: ImageCodec, batch: Any, index: int) -> Any:
        if self.global_step == 5:
            raise RuntimeError("the power is gone")
        return original(self, batch, index)

    monkeypatch.setattr(ImageCodec, "training_step", failing)
    assert lic("train", *point, "name=cut") == 1
    monkeypatch.setattr(ImageCodec, "training_step", original)
    assert lic("train", *point, "name=cut") == 0
    a, b = (
        torch.load(next((tmp_path / "runs" / name).glob("*/weights.ckpt")), weights_only=True)["state_dict"]
        for name in ("whole", "cut")
    )
    assert a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_what_is_wrong_is_one_sentence(packed: Path, photographs: Path, lic: Lic, capfd: pytest.CaptureFixture) -> None:
    point = ["model=image/swift", "data=image/shards", "data.name=test", "trainer.max_steps=1"]
    assert lic("train", *point, f"data.train={photographs}") != 0
    assert "holds no packed photographs (index.json is missing)" in capfd.readouterr().out
    with pytest.raises(LicError, match="at least 1"):
        PackedPhotographs(str(packed), 0, test=None, name="test", crop=8, batch_size=1).setup("fit")
