"""Shell completion: `eval "$(lic -sc install=bash)"`.

Hydra's scripts hand over the line typed so far in COMP_LINE and ask the program, `lic`. Verbs are completed here,
what stands behind `train` and `eval` by Hydra, except the options of nested groups (`model=image/swift`), which
Hydra does not list.
"""

import os
from importlib import import_module
from pathlib import Path

import conf
from common import cli


def complete(arguments: list[str]) -> int:
    """Answer `-sc install=SHELL`, `-sc uninstall=SHELL` and `-sc query=SHELL`."""
    words = os.environ.get("COMP_LINE", "").split(" ")
    if "query" not in arguments[-1]:
        return import_module(cli.VERBS["train"][0]).main(arguments)
    if len(words) < 3:
        print(" ".join(verb for verb in cli.VERBS if verb.startswith(words[-1])))
    elif words[1] in ("train", "eval"):
        options = nested_options(words[-1])
        if options:
            print(" ".join(options))
            return 0
        os.environ["COMP_LINE"] = " ".join([words[0], *words[2:]])  # Hydra knows no verbs
        return import_module(cli.VERBS[words[1]][0]).main(arguments)
    return 0


def nested_options(word: str) -> list[str]:
    """`model=image/s` -> `["model=image/swift"]`; empty for groups without sub-folders."""
    group, equals, _ = word.partition("=")
    root = Path(conf.__file__).parent / group
    files = sorted(root.glob("*/**/[!_]*.yaml")) if equals and group else []
    options = [f"{group}={file.relative_to(root).with_suffix('')}" for file in files]
    return [option for option in options if option.startswith(word)]
