import pickle
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from common.data.scenes import still
from common.data.training import StepBatches, TrainingCrops
from common.errors import LicError


@pytest.fixture
def photographs(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{k}.png" for k in range(5)]
    for k, path in enumerate(paths):
        Image.new("RGB", (20, 20), (40 * k, 0, 0)).save(path)
    return paths


def shade(sample: dict) -> int:
    return int(sample["image"][0, 0, 0]) // 40


def test_a_sample_depends_on_its_number_alone(photographs: list[Path]) -> None:
    data = TrainingCrops(3, 16, photographs, scenes=0.5)
    forward = [data[n]["image"] for n in range(20)]
    again = TrainingCrops(3, 16, photographs, scenes=0.5, cache_bytes=0)
    for n in (19, 3, 7, 3, 0):
        torch.testing.assert_close(again[n]["image"], forward[n], rtol=0, atol=0)
    other = TrainingCrops(4, 16, photographs, scenes=0.5)
    assert sum(bool((other[n]["image"] != forward[n]).any()) for n in range(20)) > 10
    assert forward[0].shape == (3, 16, 16) and forward[0].dtype == torch.uint8 and data[7]["index"] == 7


def test_scenes_come_with_their_probability(photographs: list[Path]) -> None:
    data = TrainingCrops(0, 8, photographs, scenes=0.3)
    scenes = [
        bool((data[n]["image"] == torch.from_numpy(still(0, n, 8, 8)).permute(2, 0, 1)).all()) for n in range(400)
    ]
    assert 0.22 < np.mean(scenes) < 0.38
    for n in range(3):
        image = TrainingCrops(0, 8, scenes=1.0)[n]["image"]
        np.testing.assert_array_equal(image.permute(1, 2, 0).numpy(), still(0, n, 8, 8))


def test_each_pass_shows_every_photograph_once(photographs: list[Path]) -> None:
    data = TrainingCrops(0, 8, photographs)
    passes = [[shade(data[5 * epoch + k]) for k in range(5)] for epoch in range(8)]
    assert all(sorted(order) == [0, 1, 2, 3, 4] for order in passes)
    assert len({tuple(order) for order in passes}) > 4


def test_a_photograph_that_cannot_be_decoded_is_replaced_by_the_next(photographs: list[Path]) -> None:
    whole = TrainingCrops(0, 8, photographs)
    expected = [shade(whole[n]) for n in range(15)]
    photographs[4].write_bytes(photographs[4].read_bytes()[:60])  # the header is whole
    data = TrainingCrops(0, 8, photographs)
    with pytest.warns(UserWarning, match=r"4\.png.*1 so far") as caught:
        assert [shade(data[n]) for n in range(15)] == [k % 4 for k in expected]
    assert len(caught) == 1 and list(data.broken) == [4]
    for path in photographs:
        path.write_bytes(b"")
    with pytest.warns(UserWarning), pytest.raises(LicError, match="none of the 5 photographs"):
        TrainingCrops(0, 8, photographs)[0]


def test_the_cache_stays_within_its_bound(photographs: list[Path]) -> None:
    data = TrainingCrops(0, 8, photographs, cache_bytes=2 * 20 * 20 * 3)
    for n in range(10):
        data[n]
    assert len(data._decoded) == 2
    assert not pickle.loads(pickle.dumps(data))._decoded


def test_senseless_options(photographs: list[Path]) -> None:
    for options in ({"size": 0}, {"size": 8, "scenes": 1.5, "photographs": photographs}, {"size": 8, "scenes": 0.5}):
        with pytest.raises(LicError):
            TrainingCrops(0, **options)  # type: ignore[arg-type]
    with pytest.raises(LicError, match="multiple of 3"):
        StepBatches(8, 0, 3, lambda: 0, 1)


def test_ranks_share_the_batches_of_one_process() -> None:
    whole = list(islice(StepBatches(6, 0, 1, lambda: 0, 10), 4))
    assert whole[0] == [0, 1, 2, 3, 4, 5] and whole[3] == [18, 19, 20, 21, 22, 23]
    ranks = [list(islice(StepBatches(6, rank, 3, lambda: 0, 10), 4)) for rank in range(3)]
    assert [[n for part in parts for n in part] for parts in zip(*ranks)] == whole


def test_a_restart_continues_where_it_stopped() -> None:
    step = 0
    batches = StepBatches(4, 1, 2, lambda: step, 10)
    first = list(islice(batches, 6))
    step = 3
    assert list(islice(batches, 3)) == first[3:]
    assert len(batches) == 10


def test_loader_workers_change_nothing(photographs: list[Path]) -> None:
    data = TrainingCrops(0, 8, photographs, scenes=0.5)

    def images(workers: int) -> torch.Tensor:
        loader = DataLoader(data, batch_sampler=StepBatches(4, 0, 1, lambda: 2, 3), num_workers=workers)
        return torch.cat([batch["image"] for batch in islice(loader, 3)])

    torch.testing.assert_close(images(1), images(0), rtol=0, atol=0)
