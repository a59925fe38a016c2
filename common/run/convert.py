"""`python -m common.run.convert OLD NEW`: the tensors of a checkpoint that holds other objects, too.

Reading such a file runs whatever code is in it, as `torch.load(…, weights_only=False)` does: only for files whose
maker you trust. What is written holds tensors, numbers, text and containers of them, and is read without running any.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from common.errors import LicError
from common.run.checkpoints import load_whole, save_whole


def plain(value: Any) -> Any:
    """`value` with its modules as their state, and without what is neither tensor, number nor text."""
    if isinstance(value, nn.Module):
        value = value.state_dict()
    if isinstance(value, Tensor):
        return value.detach().clone()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        held = {key: plain(each) for key, each in value.items() if isinstance(key, int | str)}
        return {key: each for key, each in held.items() if each is not None or value[key] is None}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [plain(each) for each in value]
    return None


def main(argv: Sequence[str]) -> int:
    """Convert `argv[0]` into `argv[1]`; 0, or 2 for bad input."""
    if len(argv) != 2:
        print("usage: python -m common.run.convert OLD NEW", file=sys.stderr)
        return 2
    old, new = (Path(name).expanduser() for name in argv)
    try:
        if not old.is_file():
            raise LicError(f"there is no file {old}.")
        if new.exists():
            raise LicError(f"{new} exists already: give another name.")
        try:
            content = load_whole(old, "copy it again.", trusted=True)
        except LicError as error:
            if isinstance(error.__cause__, ModuleNotFoundError):
                raise LicError(
                    f"{old} needs the package {error.__cause__.name} to be read: pip install {error.__cause__.name}."
                ) from error
            raise
        save_whole(held if isinstance(held := plain(content), dict) else {"content": held}, new)
    except LicError as error:
        print(f"convert: {error}", file=sys.stderr)
        return 2
    print(f"{new}: the tensors, numbers and text of {old}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
