"""Groups of pictures: in which order frames are coded, and from which decoded frame each is predicted.

    uni   I0 P1 P2 … P(n-1) I(n) …             every P from the frame before
    bi    I0 P1 … P(f)  I(n) P(n-1) … P(f+1)   f = n/2 rounded down from the I before, the others from the I behind

bi is that of R. Yang et al.: "Learning for video compression with hierarchical quality and recurrent enhancement", CVPR
2020, as A. A. Jeny: thesis, section 7.10.4, has it: 5 and 4 frames of GOP 10, 6 and 6 of 13, 10 and 9 of 20. A last
group that no I frame follows is all forward.
"""

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import Generic, Literal, NamedTuple, TypeVar

from common.errors import LicError

T = TypeVar("T")


class Kind(IntEnum):
    """How a frame is predicted; the numbers are written into files."""

    INTRA = 0
    FORWARD = 1
    BACKWARD = 2


class Step(NamedTuple, Generic[T]):
    """The next frame to code: its place in the clip, what it is predicted from, and whatever goes with it."""

    place: int
    kind: Kind
    frame: T

    @property
    def reference(self) -> int | None:
        """The place of the frame that it is predicted from."""
        return {Kind.INTRA: None, Kind.FORWARD: self.place - 1, Kind.BACKWARD: self.place + 1}[self.kind]


class Gop:
    """Args: `size`: frames from one I frame to the next; `structure`: "uni" or "bi"."""

    def __init__(self, size: int, structure: Literal["uni", "bi"] = "uni") -> None:
        if size < 1:
            raise LicError(f"a group of pictures has at least 1 frame, not {size}: set model.codec.gop.size.")
        if structure not in ("uni", "bi"):
            raise LicError(f"a group of pictures is uni or bi, not '{structure}': set model.codec.gop.structure.")
        self.size = size
        self.structure = structure

    def order(self, frames: Iterable[T]) -> Iterator[Step[T]]:
        """The frames of a clip in coding order; holds no more than one group of them."""
        waiting: list[tuple[int, T]] = []  # for the I frame behind them
        for index, frame in enumerate(frames):
            if index % self.size == 0:
                yield Step(index, Kind.INTRA, frame)
                yield from (Step(i, Kind.BACKWARD, f) for i, f in reversed(waiting))
                waiting = []
            elif self.structure == "uni" or index % self.size <= self.size // 2:
                yield Step(index, Kind.FORWARD, frame)
            else:
                waiting.append((index, frame))
        yield from (Step(i, Kind.FORWARD, f) for i, f in waiting)


class InDisplayOrder(Generic[T]):
    """Gives frames back in the order of the clip, from `first` on: `add` each as it is decoded."""

    def __init__(self, first: int = 0) -> None:
        self.next = first
        self.end = first  # behind the last frame that was added
        self._waiting: dict[int, T] = {}

    def add(self, index: int, frame: T) -> Iterator[tuple[int, T]]:
        """Frame `index`, and then all that can be shown now, with their places."""
        self._waiting[index] = frame
        self.end = max(self.end, index + 1)
        while self.next in self._waiting:
            yield self.next, self._waiting.pop(self.next)
            self.next += 1

    def skip_to(self, index: int) -> Iterator[tuple[int, T | None]]:
        """All frames before `index`, None for those that have not been decoded."""
        while self.next < index:
            yield self.next, self._waiting.pop(self.next, None)
            self.next += 1
