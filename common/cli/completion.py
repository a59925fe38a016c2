"""Shell completion: `eval "$(lic -sc install=bash)"`; in zsh after `autoload -U bashcompinit && bashcompinit`.

Hydra's scripts hand over the line typed so far in COMP_LINE and ask the program, `lic`. Verbs, options and run folders
are completed here; what else stands behind `train` and `eval` by Hydra, except the options of nested groups
(`model=image/swift`), which Hydra does not list. Where nothing is answered the shell completes names of files.
"""

import contextlib
import glob
import io
import os
import re
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path

from common.spelling import all_options

APPLICATIONS = ("train", "eval")  # Hydra's
DEEPEST = 3  # folders below what is typed in which runs are looked for
# Settings whose value is a run.
RUN_SETTINGS = re.compile(r"\+*(?:run|weights|warm_start|extend|parts\.[\w.]+)=")


def complete(arguments: list[str], verbs: Mapping[str, tuple[str, str]]) -> int:
    """Answer `-sc install=SHELL`, `-sc uninstall=SHELL` and `-sc query=SHELL`."""
    if "query" not in arguments[-1]:
        from common.engine import train

        return train.main(arguments)
    words = os.environ.get("COMP_LINE", "").split(" ")
    answers = suggestions(words, verbs)
    if answers is not None:
        print(" ".join(answers))
        return 0
    os.environ["COMP_LINE"] = " ".join([words[0], *words[2:]])  # Hydra knows no verbs
    return int(import_module(verbs[words[1]][0]).main(arguments))


def suggestions(words: list[str], verbs: Mapping[str, tuple[str, str]]) -> list[str] | None:
    """What may stand in place of the last of `words`, empty for names of files; None where Hydra is to say."""
    word = words[-1]
    if len(words) < 3:
        return _beginning(verbs, word)
    if words[1] not in verbs:
        return []
    if words[-2] == "--checkpoint":
        return run_folders(word)
    if words[1] not in APPLICATIONS:
        given = [each for each in words[2:-1] if each]
        found = options(verbs[words[1]][0], words[1], given[:1])
        return _beginning([each for each in found if each.startswith("-") == word.startswith("-")], word)
    if setting := RUN_SETTINGS.match(word):
        *others, last = word[setting.end() :].split(",")  # run=A,B in a sweep
        before = setting.group() + "".join(f"{each}," for each in others)
        return [before + folder for folder in run_folders(last)]
    return nested_options(word) or None


def _beginning(choices: Iterable[str], word: str) -> list[str]:
    return [choice for choice in choices if choice.startswith(word)]


def options(module: str, verb: str, given: list[str]) -> list[str]:
    """The options that the help of `verb` names, and its own verbs (`sweep status`) while none is `given`."""
    leading = [verb] if verb in ("compress", "decompress", "info") else []
    text = _help(module, leading)
    own = re.search(r"^  \{([\w,]+)\}", text, re.MULTILINE)
    names = own[1].split(",") if own else []
    if given and given[0] in names:
        names, text = [], _help(module, given)
    return [*names, *sorted(set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)))]


def _help(module: str, arguments: list[str]) -> str:
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        import_module(module).main([*arguments, "--help"])
    return text.getvalue()


def run_folders(beginning: str) -> list[str]:
    """Folders of runs whose path begins with `beginning`; below `runs/` while nothing is typed."""
    start = glob.escape(beginning or "runs/")
    levels = (f"{start}*{'/*' * depth}/config.yaml" for depth in range(DEEPEST))
    return sorted({str(Path(file).parent) for level in levels for file in glob.glob(level)})


def nested_options(word: str) -> list[str]:
    """`model=image/s` -> `["model=image/swift"]`; empty for groups without sub-folders."""
    group, equals, _ = word.partition("=")
    found = all_options(group) if equals and group else []
    return [option for option in (f"{group}={name}" for name in found if "/" in name) if option.startswith(word)]
