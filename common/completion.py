"""Shell completion: `eval "$(lic -sc install=bash)"`.

Hydra's scripts hand over the line typed so far in COMP_LINE and ask the program, `lic`. Verbs are completed here,
what stands behind `train` and `eval` by Hydra, except the options of nested groups (`model=image/swift`), which
Hydra does not list.
"""

import os
from collections.abc import Collection
from pathlib import Path

import conf


def complete(arguments: list[str], verbs: Collection[str]) -> int:
    """Answer `-sc install=SHELL`, `-sc uninstall=SHELL` and `-sc query=SHELL`."""
    from common.launch import evaluate, train

    applications = {"train": train.main, "eval": evaluate.main}
    words = os.environ.get("COMP_LINE", "").split(" ")
    if "query" not in arguments[-1]:
        return train.main(arguments)
    if len(words) < 3:
        print(" ".join(verb for verb in verbs if verb.startswith(words[-1])))
    elif options := nested_options(words[-1]):
        print(" ".join(options))
    elif words[1] in applications:
        os.environ["COMP_LINE"] = " ".join([words[0], *words[2:]])  # Hydra knows no verbs
        return applications[words[1]](arguments)
    return 0


def nested_options(word: str) -> list[str]:
    """`model=image/s` -> `["model=image/swift"]`; empty for groups without sub-folders."""
    group, equals, _ = word.partition("=")
    root = Path(conf.__file__).parent / group
    files = sorted(root.glob("*/**/[!_]*.yaml")) if equals and group else []
    options = [f"{group}={file.relative_to(root).with_suffix('')}" for file in files]
    return [option for option in options if option.startswith(word)]
