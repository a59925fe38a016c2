"""Orders of coding by hand, for both structures, whole clips and ends."""

import pytest

from common.errors import LicError
from lic_video.gop import Gop, InDisplayOrder, Kind


def coded(size: int, structure: str, frames: int) -> list[tuple[int, str]]:
    steps = Gop(size, structure).order("x" * frames)  # type: ignore[arg-type]
    return [(step.place, "IPB"[step.kind]) for step in steps]


def test_uni_is_the_order_of_the_clip() -> None:
    assert coded(3, "uni", 7) == [(0, "I"), (1, "P"), (2, "P"), (3, "I"), (4, "P"), (5, "P"), (6, "I")]
    assert [kind for _, kind in coded(1, "uni", 3)] == ["I", "I", "I"]


@pytest.mark.parametrize("size, forward, backward", [(10, 5, 4), (13, 6, 6), (20, 10, 9)])
def test_bi_has_the_thesis_numbers(size: int, forward: int, backward: int) -> None:
    steps = coded(size, "bi", size + 1)
    kinds = [kind for _, kind in steps]
    assert kinds == ["I", *forward * "P", "I", *backward * "B"]
    assert [i for i, _ in steps] == [*range(forward + 1), size, *range(size - 1, forward, -1)]


def test_bi_codes_a_last_group_without_an_i_frame_behind_forward() -> None:
    assert coded(4, "bi", 8)[-3:] == [(5, "P"), (6, "P"), (7, "P")]


@pytest.mark.parametrize("size", [1, 2, 5, 10, 13])
@pytest.mark.parametrize("structure", ["uni", "bi"])
def test_every_frame_is_coded_once_after_its_reference_with_two_frames_kept(size: int, structure: str) -> None:
    for frames in range(1, 31):
        intra = last = None
        seen = []
        for step in Gop(size, structure).order(range(frames)):  # type: ignore[arg-type]
            assert step.frame == step.place
            assert step.reference is None or step.reference in (intra, last)
            intra = step.place if step.kind == Kind.INTRA else intra
            last = step.place
            seen.append(step.place)
        assert sorted(seen) == list(range(frames))


def test_display_order_with_gaps() -> None:
    order = InDisplayOrder[str]()
    assert list(order.add(1, "b")) == []
    assert list(order.add(0, "a")) == [(0, "a"), (1, "b")]
    assert list(order.add(4, "e")) == []
    assert list(order.skip_to(4)) == [(2, None), (3, None)]
    assert list(order.skip_to(6)) == [(4, "e"), (5, None)]
    assert order.end == 5


def test_wrong_groups_are_refused() -> None:
    with pytest.raises(LicError, match="at least 1 frame"):
        Gop(0)
    with pytest.raises(LicError, match="uni or bi"):
        Gop(4, "both")  # type: ignore[arg-type]
