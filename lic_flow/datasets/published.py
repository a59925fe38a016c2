"""Sets of pairs that their authors publish: each is found in a folder of `data.roots`."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Generic, ParamSpec

from lic_flow.datasets.pairs import Pair

P = ParamSpec("P")


class PublishedSet(Generic[P]):
    """A function that lists the pairs of a published set, given the folder that the set was unpacked to.

    Args:
        root: the name of that folder's setting: ``data.roots.NAME``.
        list_pairs: takes the folder as ``root``.
    """

    def __init__(self, root: str, list_pairs: Callable[P, list[Pair]]) -> None:
        update_wrapper(self, list_pairs)
        self.root, self.list_pairs = root, list_pairs

    def __call__(self, *args: P.args, **settings: P.kwargs) -> list[Pair]:
        return self.list_pairs(*args, **settings)

    def __reduce__(self) -> str:
        return self.list_pairs.__qualname__  # pickled by name, as the function itself would be


def published(root: str) -> Callable[[Callable[P, list[Pair]]], PublishedSet[P]]:
    """Decorator: the function lists a published set, which is found at ``data.roots.{root}``."""
    return lambda list_pairs: PublishedSet(root, list_pairs)
