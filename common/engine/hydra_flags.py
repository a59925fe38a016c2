"""Hydra's flags in any order, and what `--cfg` and `--info` show of a sweep: Hydra knows them of single runs only."""

from collections.abc import Callable, Sequence
from pathlib import Path

from common.engine.hydra_faults import config_dir
from common.errors import LicError

MULTIRUN = ("-m", "--multirun")
VALUED = (
    "--package",
    "-p",
    "--config-path",
    "-cp",
    "--config-name",
    "-cn",
    "--config-dir",
    "-cd",
    "--experimental-rerun",
)
INFO = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
SHOWING = {"--cfg": "--cfg", "-c": "--cfg", "--info": "--info", "-i": "--info"}


def show(verb: str, arguments: Sequence[str], application: Callable[[Sequence[str]], None]) -> None:
    """Call `application` with `arguments`, or where they show a sweep, once for every point: of `--info` the first.

    Raises:
        LicError: flags that do not go together.
    """
    flags = {SHOWING[word] for argument in arguments if (word := argument.partition("=")[0]) in SHOWING}
    if len(flags) > 1:
        raise LicError(f"give one of {' and '.join(sorted(flags))}.")
    if "--resolve" in arguments and not flags & {"--cfg"} and not {"--help", "-h"} & {*arguments}:
        raise LicError("--resolve shows nothing by itself: give it with --cfg job.")
    arguments = ordered(arguments)
    if not flags or not any(argument in MULTIRUN for argument in arguments):
        application(arguments)
        return
    rest = [argument for argument in arguments if argument not in MULTIRUN]
    overrides = [argument for argument in rest if "=" in argument and not argument.startswith("-")]
    others = [argument for argument in rest if argument not in overrides]
    found = points(verb, overrides, config_dir(arguments))
    for number, point in enumerate(found if "--cfg" in flags else found[:1]):
        print(f"{'---' * bool(number)}{chr(10) * bool(number)}# point {number + 1} of {len(found)}: {' '.join(point)}")
        application([*others, *(o for o in overrides if o.startswith("hydra")), *point])


def ordered(arguments: Sequence[str]) -> list[str]:
    """Hydra's flags first, then the overrides: mixed (`model=image/swift -m lmbda=1,2`) Hydra does not take them."""
    flags: list[str] = []
    overrides: list[str] = []
    for before, argument in zip(["", *arguments], arguments):
        override = not argument.startswith("-") and ("=" in argument or argument.startswith("~"))
        (overrides if override and before not in VALUED else flags).append(argument)
    for place, flag in enumerate(flags):
        if flag in ("--info", "-i") and (flags[place + 1 :] or [""])[0] not in INFO:
            flags[place] = "--info=all"  # what it means by itself; else it would take the first override for its value
    return flags + overrides


def points(verb: str, overrides: Sequence[str], folder: str | None) -> list[list[str]]:
    """The overrides of each point of a sweep, as Hydra's own sweeper would launch them.

    Args:
        folder: of `--config-dir`.
    """
    from hydra import initialize_config_module
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.types import RunMode

    own = [f"hydra.searchpath=[file://{Path(folder).resolve()}]"] if folder else []
    with initialize_config_module("conf", version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        cfg = loader.load_configuration(verb, [*own, *overrides], RunMode.MULTIRUN)
        if cfg.hydra.runtime.choices["hydra/sweeper"] != "basic":
            raise LicError("a search chooses its points as it goes: to show one, give its values, without -m.")
        task = list(cfg.hydra.overrides.task)
        given = {override.partition("=")[0] for override in task}
        more = [f"{key}={value}" for key, value in (cfg.hydra.sweeper.params or {}).items() if key not in given]
        parsed = OverridesParser.create(config_loader=loader).parse_overrides([*more, *task])
        return BasicSweeper.split_arguments(parsed, None)[0]
