from collections import Counter
from typing import Any

import pytest
import torch

from common.errors import LicError
from lic_flow.datasets.mixture import Mixture


class Numbered:
    """A set whose pictures tell set, item and place: red is ``which``, green is the item, blue and flow the place."""

    def __init__(self, which: int, height: int, width: int, occlusion: bool = False, flow: bool = True) -> None:
        self.which, self.size, self.has_occlusion, self.has_flow = which, (height, width), occlusion, flow

    def __getitem__(self, i: int, /) -> dict[str, Any]:
        height, width = self.size
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        first = torch.stack([torch.full_like(x, self.which), torch.full_like(x, i % 256), y * width + x]).to(
            torch.uint8
        )
        sample = {"first": first, "second": 255 - first, "flow": torch.stack([x, y]).float() + 1}
        sample["valid"] = torch.ones(height, width, dtype=torch.bool)
        if self.has_occlusion:
            sample["occluded"] = x % 2 == 0
        return sample


class Finite(Numbered):
    def __init__(self, which: int, height: int, width: int, count: int) -> None:
        super().__init__(which, height, width)
        self.count = count

    def __len__(self) -> int:
        return self.count


def drawn(mixture: Mixture, count: int) -> list[tuple[int, int]]:
    """(set, item) of each of the first samples."""
    return [(int(mixture[n]["first"][0, 0, 0]), int(mixture[n]["first"][1, 0, 0])) for n in range(count)]


def test_a_sample_is_a_function_of_seed_and_number() -> None:
    def mixture(seed: int) -> Mixture:
        return Mixture([Finite(0, 9, 11, 5), Numbered(1, 8, 8)], [1, 1], (6, 7), seed)

    order = [17, 3, 4, 0, 17]
    one, other = mixture(2), mixture(2)
    forwards = {n: one[n] for n in range(18)}
    for n in order:
        again = other[n]
        assert again.pop("index") == n == forwards[n]["index"]
        assert all(torch.equal(again[name], forwards[n][name]) for name in again)
    assert drawn(mixture(3), 18) != drawn(mixture(2), 18)


def test_weights_are_respected() -> None:
    mixture = Mixture([Numbered(0, 2, 2), Numbered(1, 2, 2), Numbered(2, 2, 2)], [6, 3, 0], (2, 2), seed=0)
    count = Counter(which for which, _ in drawn(mixture, 900))
    assert count[0] + count[1] == 900
    assert abs(count[0] - 600) < 4 * (900 * 2 / 9) ** 0.5  # four standard deviations


def test_a_set_is_read_in_passes_and_an_endless_one_by_number() -> None:
    mixture = Mixture([Finite(0, 2, 2, 7)], [1.0], (2, 2), seed=4)
    items = [item for _, item in drawn(mixture, 21)]
    passes = [items[:7], items[7:14], items[14:]]
    assert all(sorted(items) == list(range(7)) for items in passes)
    assert passes[0] != passes[1]
    sets = [Finite(0, 2, 2, 7), Finite(1, 2, 2, 7)]
    alone = [[item for _, item in drawn(Mixture(sets, weights, (2, 2), seed=4), 7)] for weights in ([1, 0], [0, 1])]
    assert alone[0] != alone[1]  # each set has an order of its own
    endless = Mixture([Numbered(0, 2, 2)], [1.0], (2, 2), seed=4)
    assert [item for _, item in drawn(endless, 5)] == list(range(5))


def test_everything_is_cut_at_one_random_place() -> None:
    mixture = Mixture([Numbered(0, 10, 12, occlusion=True)], [1.0], (4, 5), seed=1)
    corners = set()
    for n in range(200):
        sample = mixture[n]
        left, top = (int(at) - 1 for at in sample["flow"][:, 0, 0])
        corners.add((top, left))
        whole = Numbered(0, 10, 12, occlusion=True)[n]
        for name, values in whole.items():
            assert torch.equal(sample[name], values[..., top : top + 4, left : left + 5]), name
            assert sample[name].is_contiguous()
    assert len(corners) > 40
    assert {top for top, _ in corners} == set(range(7)) and {left for _, left in corners} == set(range(8))


def test_smaller_pictures_are_continued_by_their_border_and_not_valid_there() -> None:
    mixture = Mixture([Numbered(0, 3, 9, occlusion=True)], [1.0], (6, 4), seed=1)
    sample = mixture[0]
    left = int(sample["flow"][0, 1, 0]) - 1
    whole = Numbered(0, 3, 9, occlusion=True)[0]
    columns = slice(left, left + 4)
    assert {name: tuple(values.shape[-2:]) for name, values in sample.items() if name != "index"} == dict.fromkeys(
        ("first", "second", "flow", "valid", "occluded"), (6, 4)
    )
    for name in ("first", "second"):
        expected = torch.stack([whole[name][:, min(max(row - 1, 0), 2), columns] for row in range(6)], 1)
        assert torch.equal(sample[name], expected)
    assert sample["valid"].tolist() == [[1 <= row <= 3] * 4 for row in range(6)]
    assert not sample["flow"][:, ~sample["valid"]].any() and sample["flow"][:, sample["valid"]].all()
    assert not sample["occluded"][~sample["valid"]].any()


def test_occlusion_needs_every_set_to_have_it() -> None:
    with_it, without = Numbered(0, 4, 4, occlusion=True), Numbered(1, 4, 4)
    assert "occluded" in Mixture([with_it], [1], (2, 2), seed=0)[0]
    mixed = Mixture([with_it, without], [1, 1], (2, 2), seed=0)
    assert not mixed.has_occlusion and all("occluded" not in mixed[n] for n in range(10))


def test_wrong_mixtures_are_refused() -> None:
    one = Numbered(0, 4, 4)
    with pytest.raises(LicError, match="one weight to each set"):
        Mixture([one], [1, 2], (2, 2), seed=0)
    with pytest.raises(LicError, match="one weight to each set"):
        Mixture([], [], (2, 2), seed=0)
    for weights in ([-1.0, 2.0], [0.0, 0.0], [float("nan"), 1.0]):
        with pytest.raises(LicError, match="weights of the mixture"):
            Mixture([one, one], weights, (2, 2), seed=0)
    with pytest.raises(LicError, match="canvas"):
        Mixture([one], [1], (0, 2), seed=0)
    with pytest.raises(LicError, match="set 2 of the mixture has no ground truth"):
        Mixture([one, Numbered(0, 4, 4, flow=False)], [1, 1], (2, 2), seed=0)
