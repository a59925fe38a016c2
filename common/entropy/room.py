"""Whether a stream can hold as many symbols as a header claims, before memory for them is asked for.

    bits of the stream  >=  Σ over symbols of log2(2^16 / slots of its table's likeliest symbol)

A coder's state is divided by the symbol's share but for rounding. States of 2^31 and more are rounded by one part in
2^15, which is granted. A short stream begins with a state of 16 bits, at which symbols of more than half of the slots
may cost nothing: these are not counted there. So a file of 100 bytes that claims 16384x16384 pixels ends here, unless
nearly nothing is to be told of each symbol.
"""

from collections.abc import Sequence
from math import prod

import numpy as np

from common.entropy import rans
from common.errors import StreamError

_ROUNDING = 2.0**-14  # bits a symbol
_STATE = 64  # bits that a stream may save beside its bytes: zeros that are left out, rounding of a small state
_HALF = 1 << 15


def check_room(tables: rans.Tables, size: Sequence[int], stream: int, short: bool = False) -> None:
    """Raises `StreamError` if a stream of so many bytes cannot hold symbols of `size` under each of the tables.

    `short`: it may be a short stream, see `rans.encode`.
    """
    inside = np.arange(1, tables.cdf.shape[1]) < tables.length[:, None]
    likeliest = np.where(inside, np.diff(tables.cdf), 1).max(1)
    if short:
        likeliest = np.where(likeliest > _HALF, 2 * _HALF, likeliest)
    check_count(prod(size), np.maximum(16 - np.log2(likeliest) - _ROUNDING, 0).sum(), stream)


def check_count(symbols: int, least: float, stream: int) -> None:
    """Raises `StreamError` if a stream of so many bytes cannot hold so many symbols of `least` bits or more each."""
    if symbols * least > 8 * stream + _STATE:
        raise StreamError(
            f"The file claims more than its {stream} bytes can hold: it is damaged, or was written by another model."
        )
