"""What has changed in the way symbols are coded: a file is decoded by the rules it was written by.

The rules follow from a file's format version and flags (`of_image`, `of_clip`). Whatever codes asks `rules()` for
those that hold; outside of any `coding_by` they are the present ones.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple


class Rules(NamedTuple):
    """One field for each way of coding that has ever changed; the defaults are the present ones."""

    exact: bool = True  # networks that tell the coder's parameters compute in exact arithmetic (`common.entropy.exact`)
    lanes: bool = True  # a stream holds several interleaved rANS states
    wavefronts: bool = True  # symbols in raster order come by wavefronts, if parameters are exact
    nearest_scale: bool = True  # a scale is coded with the table's nearest one, else with the next larger


PRESENT = Rules()
_held: ContextVar[Rules] = ContextVar("coding_rules", default=PRESENT)


def rules() -> Rules:
    """Those that hold here."""
    return _held.get()


@contextmanager
def coding_by(held: Rules) -> Iterator[None]:
    """Inside, this thread (or asynchronous task) codes by the rules `held`."""
    token = _held.set(held)
    try:
        yield
    finally:
        _held.reset(token)


def of_image(version: int, exact: bool = False) -> Rules:
    """Those of an image file of that format version, which says whether its parameters are `exact`."""
    return Rules(exact, lanes=version >= 3, wavefronts=version >= 3, nearest_scale=version >= 2)


def of_clip(version: int, exact: bool = False) -> Rules:
    """Those of a clip's file."""
    return Rules(exact, lanes=version >= 5, wavefronts=version >= 5)
