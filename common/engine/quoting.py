"""Adds the quotes that Hydra's grammar needs: `data.train=~/photos`, `data.train=data/日本`."""

import re

_QUOTED_ALREADY = re.compile(r"['\"(){}$]")


def quoted(argument: str) -> str:
    """`key=value` with quotes around the parts of a value that need them: with `~`, or with letters beyond ASCII.

    What has quotes, functions or interpolations of its own stays as it is, and so do options (`--config-dir`).
    """
    key, equals, value = argument.partition("=")
    if not equals or key.startswith("-") or _QUOTED_ALREADY.search(value):
        return argument
    parts = re.split(r"([\[\],])", value)
    return key + equals + "".join(f"'{part}'" if "~" in part or not part.isascii() else part for part in parts)
