"""What was meant where a name is mistyped: the nearest of those that there are."""

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hydra.core.config_loader import ConfigLoader

LIKE = 0.6  # from this likeness on, between 0 and 1, a name may be what was meant
SHOWN = 8  # names of a list that are printed


def nearest(word: str, words: Iterable[str]) -> str:
    """The one of `words` that is most like `word`, "" where none is like it.

    Names with folders (`image/mean_hyperprior`) are compared as a whole and by their last part.
    """
    likeness = {each: max(_like(word, each), _like(_last(word), _last(each)) - 0.01) for each in words}
    best = max(likeness, key=lambda each: likeness[each], default="")
    return best if best and likeness[best] >= LIKE else ""


def advice(word: str, words: Sequence[str]) -> str:
    """`did you mean X?`, or the choices where none is like `word`."""
    if meant := nearest(word, words):
        return f"did you mean {meant}?"
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return f"choose one of {', '.join(words[:SHOWN])}{more}."


def options(loader: "ConfigLoader", group: str) -> list[str]:
    """The options of a configuration group, those of nested groups too: `image/swift` of `model`."""
    from hydra.core.object_type import ObjectType

    files = [name for name in loader.get_group_options(group, ObjectType.CONFIG) if not name.startswith("_")]
    folders = loader.get_group_options(group, ObjectType.GROUP)
    return files + [f"{name}/{each}" for name in folders for each in options(loader, f"{group}/{name}")]


def all_options(group: str, config_dir: str | None = None) -> list[str]:
    """The options of `group` in the package `conf` and in the folder of `--config-dir`."""
    from pathlib import Path

    from hydra import initialize_config_dir, initialize_config_module
    from hydra.core.global_hydra import GlobalHydra

    found: set[str] = set()
    with initialize_config_module("conf", version_base="1.3"):
        found.update(options(GlobalHydra.instance().config_loader(), group))
    if config_dir is not None and Path(config_dir).is_dir():
        with initialize_config_dir(str(Path(config_dir).resolve()), version_base="1.3"):
            found.update(options(GlobalHydra.instance().config_loader(), group))
    return sorted(found)


def missing_option(path: str, arguments: Sequence[str], config_dir: str | None = None) -> str:
    """The sentence for a configuration `path` (`model/image/mean_hyprior`) that there is none of.

    Args:
        arguments: of the command line, in whose spelling the sentence says what is wrong, where it comes from there.
        config_dir: the folder of `--config-dir`.
    """
    pairs = [argument.lstrip("+").partition("=") for argument in arguments if "=" in argument]
    typed = [(key, key.partition("@")[0].strip("/")) for key, _, _ in pairs]
    keys = [(key, group) for key, group in typed if path.startswith(group + "/")]
    parts = path.split("/")
    of_path = (None, "/".join(parts[: 2 if parts[0] == "hydra" else 1]))
    key, group = max(keys, key=lambda each: len(each[1]), default=of_path)  # ablation/TABLE=ROW beside ablation=TABLE
    name = path[len(group) + 1 :]
    said = f"there is no {key}={name}" if key else f"a configuration asks for {group}={name}, which there is not"
    choices = all_options(group, config_dir)
    return f"{said}: {advice(name, choices)}" if choices else f"{said}."


def _like(a: str, b: str) -> float:
    return SequenceMatcher(None, a.lower(), b.lower()).ratio()


def _last(name: str) -> str:
    return name.rpartition("/")[2]
