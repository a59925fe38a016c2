"""Batches of photographs: a function of (seed, step), whatever the process."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from support import textured

from common.errors import LicError
from lic_image.codecs.factorized import Factorized
from lic_image.codecs.hyperprior import Hyperprior
from lic_image.data import Photographs, centre_crop


def photographs_module(folder: Path, **changes: object) -> Photographs:
    settings: dict = {"train": str(folder), "test": str(folder), "name": "test", "crop": 32, "batch_size": 4}
    module = Photographs(**{**settings, **changes})
    module.setup("fit")
    return module


def batches(module: Photographs, step: int, count: int, rank: int = 0, world: int = 1) -> list[torch.Tensor]:
    module.trainer = SimpleNamespace(  # type: ignore[assignment]
        accumulate_grad_batches=1, global_rank=rank, world_size=world, global_step=step, max_steps=100
    )
    iterator = iter(module.train_dataloader())
    seen = []
    for _ in range(count):
        batch = module.on_before_batch_transfer(next(iterator), 0)
        seen.append(module.on_after_batch_transfer(batch, 0)["image"])
    return seen


def test_a_resumed_run_sees_the_batches_it_would_have_seen(photographs: Path) -> None:
    whole = batches(photographs_module(photographs), 0, 5)
    again = batches(photographs_module(photographs), 3, 2)
    assert all(torch.equal(a, b) for a, b in zip(whole[3:], again))
    assert not torch.equal(whole[0], whole[1])


def test_ranks_share_the_batch_of_one_process(photographs: Path) -> None:
    (whole,) = batches(photographs_module(photographs), 2, 1)
    parts = [batches(photographs_module(photographs), 2, 1, rank, 2)[0] for rank in range(2)]
    assert torch.equal(torch.cat(parts), whole)


def test_some_crops_are_flipped_and_all_lie_between_nought_and_one(photographs: Path) -> None:
    module = photographs_module(photographs)
    (image,) = batches(module, 0, 1)
    raw = torch.stack([module.train_set[n]["image"] for n in range(4)]).float() / 255
    same = [torch.equal(a, b) for a, b in zip(image, raw)]
    flipped = [torch.equal(a, b.flip(-1)) for a, b in zip(image, raw)]
    assert all(a or b for a, b in zip(same, flipped)) and 0 < sum(flipped) < 4
    assert image.min() >= 0 and image.max() <= 1


def test_a_crop_of_one_position_of_z_is_said(photographs: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    photographs_module(photographs, crop=128).check(Hyperprior(N=8, M=8))
    assert "single position" not in caplog.text
    photographs_module(photographs, crop=64).check(Hyperprior(N=8, M=8))
    assert "take 128 or more" in caplog.text


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    """Two wide pictures of unequal sides whose left and right halves differ, of which no crop shows both borders."""
    for k, (height, width) in enumerate([(90, 130), (40, 200)]):
        rgb = textured(height, width, seed=k)
        rgb[:, :9], rgb[:, -9:] = (255, 0, 0), (0, 0, 255)
        Image.fromarray(rgb).save(tmp_path / f"{k}.png")
    return tmp_path


def whole(file: Path, side: int) -> torch.Tensor:
    with Image.open(file) as picture:
        return torch.from_numpy(np.array(picture.resize((side, side), Image.Resampling.LANCZOS))).permute(2, 0, 1)


def test_resized_photographs_are_whole_and_not_crops(marked: Path) -> None:
    resized = [photographs_module(marked, resize=True).train_set[n]["image"] for n in range(4)]
    expected = [whole(file, 32) for file in sorted(marked.glob("*.png"))]
    seen = [[k for k, picture in enumerate(expected) if torch.equal(image, picture)] for image in resized]
    assert sorted(seen[:2]) == sorted(seen[2:]) == [[0], [1]]  # a pass shows every photograph
    borders = [(image[0, :, 0] - image[2, :, 0].float()).mean() for image in resized]
    assert min(borders) > 150 and max(image[0, :, -1].float().mean() for image in resized) < 100
    crops = [photographs_module(marked, resize=None).train_set[n]["image"] for n in range(8)]
    assert not any(torch.equal(image, picture) for image in crops for picture in expected)


def test_a_resumed_run_sees_the_resized_photographs_it_would_have_seen(marked: Path) -> None:
    undisturbed = batches(photographs_module(marked, resize=True, scenes=0.3), 0, 5)
    again = batches(photographs_module(marked, resize=True, scenes=0.3), 3, 2)
    assert all(torch.equal(a, b) for a, b in zip(undisturbed[3:], again))
    ranks = [batches(photographs_module(marked, resize=True, scenes=0.3), 4, 1, rank, 2)[0] for rank in range(2)]
    assert torch.equal(torch.cat(ranks), undisturbed[4])


def test_small_photographs_are_enlarged_where_all_are_resized(
    photographs: Path, recwarn: pytest.WarningsRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    module = photographs_module(photographs, crop=64, resize=True)
    assert torch.equal(module.train_set[0]["image"], whole(photographs / "one.png", 64)) or torch.equal(
        module.train_set[0]["image"], whole(photographs / "two.png", 64)
    )
    assert not [each for each in recwarn if "reflection" in str(each.message)]
    module.check(Factorized(4, 4))
    assert "resizes nothing" not in caplog.text
    photographs_module(photographs, resize=True, scenes=1.0).check(Factorized(4, 4))
    assert "data.resize resizes nothing" in caplog.text


def test_what_is_watched_is_a_set_of_its_own_where_there_is_one(photographs: Path, marked: Path) -> None:
    files = sorted(marked.glob("*.png"))
    watched = photographs_module(photographs, val=str(marked)).val_set
    with Image.open(files[0]) as picture:
        middle = torch.from_numpy(centre_crop(np.array(picture), 32)).permute(2, 0, 1)
    assert len(watched) == 2 and torch.equal(watched[0]["image"], middle)
    resized = photographs_module(photographs, val=[str(marked)], resize=True, val_limit=1).val_set
    assert len(resized) == 1 and torch.equal(resized[0]["image"], whole(files[0], 32))
    test_files = photographs_module(photographs, resize=True).val_set
    assert torch.equal(test_files[0]["image"], whole(photographs / "one.png", 32))
    with pytest.raises(LicError, match="does not exist"):
        photographs_module(photographs, val=str(marked / "nowhere"))


def test_overfitting_repeats_the_first_crops(photographs: Path) -> None:
    module = photographs_module(photographs, overfit=4)
    first, second = batches(module, 0, 2)
    assert torch.equal(first, second)


def test_centre_crops_extend_small_pictures_by_their_border() -> None:
    rgb = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    crop = centre_crop(rgb, 4)
    assert crop.shape == (4, 4, 3)
    assert (crop[:2, :3] == rgb).all() and (crop[3, 3] == rgb[1, 2]).all()


def test_missing_folders_and_empty_lists(tmp_path: Path) -> None:
    with pytest.raises(LicError, match="does not exist"):
        photographs_module(tmp_path / "nowhere")
    with pytest.raises(LicError, match="at least one folder"):
        Photographs([], None, "test", crop=32, batch_size=1)


def test_what_would_end_a_run_after_its_training_is_found_before(tmp_path: Path, photographs: Path) -> None:
    codec = Factorized(4, 4)
    Photographs(str(photographs), str(photographs), "test", crop=32, batch_size=1).check(codec)
    with pytest.raises(LicError, match=r"data.crop is 100, .*multiples of 16: set it to 96 or 112"):
        Photographs(str(photographs), str(photographs), "test", crop=100, batch_size=1).check(codec)
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes((photographs / "one.png").read_bytes()[:1000])
    with pytest.raises(LicError, match=r"1 of the 1 test pictures cannot be read \(damaged.png\)"):
        Photographs(str(photographs), str(damaged), "test", crop=32, batch_size=1).check()
