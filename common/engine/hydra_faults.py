"""Turns Hydra's errors on an invalid command line into one sentence; by itself Hydra prints many and exits."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

import conf
from common.errors import LicError, fault_of_input
from common.run.settings import flatten
from common.run.validate import meant
from common.spelling import missing_option, nearest

FULL = "HYDRA_FULL_ERROR"
# Settings that have another name now.
FORMER = {"motion_estimation.block.reduction": "motion_estimation.block.downscale"}


class Refused(BaseException):
    """Raised in a callback of Hydra's, which turns what is an `Exception` into a warning and goes on."""


@contextmanager
def one_sentence(arguments: Sequence[str]) -> Iterator[None]:
    """Raise `LicError` for what Hydra finds wrong in the block with `arguments`, its command line.

    With HYDRA_FULL_ERROR=1 it comes as Hydra raises it.
    """
    before = os.environ.get(FULL)
    os.environ[FULL] = "1"  # Hydra then raises what it would print
    try:
        yield
    except Refused as refused:
        raise LicError(str(refused)) from None
    except Exception as error:
        if isinstance(error, LicError) or before == "1" or not (said := sentence(error, arguments)):
            raise
        raise LicError(said) from error
    finally:
        if before is None:
            os.environ.pop(FULL, None)
        else:
            os.environ[FULL] = before


def sentence(error: Exception, arguments: Sequence[str]) -> str:
    """What is wrong; "" where `error` is none of the input's."""
    if fault := fault_of_input(error):
        return str(fault)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return missing_option(error.missing_cfg_file, arguments, config_dir(arguments))
    if isinstance(error, OverrideParseException):
        why = str(error).splitlines()[0].removeprefix(f"Error parsing override '{error.override}'").strip()
        text = f"{error.override} cannot be read ({why})" if why else f"{error.override} is no key=value"
        return f"{text}; text with signs in it takes quotes: \"key='…'\"."
    if not isinstance(error, (HydraException, OmegaConfBaseException)):
        return ""
    causes = [error, *([error.__cause__] if isinstance(error.__cause__, OmegaConfBaseException) else [])]
    lines = [line for cause in causes for line in str(cause).splitlines()[:6]]
    told = [line.strip() for line in lines if line.strip() and not line.startswith(("To append to", "    "))]
    text = " ".join(told)
    if mistyped := re.match(r"Could not override '(?!hydra\.)([^']+)'", text):
        return unknown_key(mistyped[1], arguments)
    for part in ("launcher", "sweeper"):
        if f"'hydra.{part}." in text:
            key = text.partition(f"'hydra.{part}.")[2].partition("'")[0]
            return of_another(part, key)
    return text


def unknown_key(key: str, arguments: Sequence[str]) -> str:
    """The sentence for a setting that no configuration has, with the nearest name of one that there is."""
    root = "eval" if any(word.startswith(("run=", "weights=")) for word in arguments) else "train"
    others = [word for word in arguments if word.partition("=")[0] != key]
    advice = FORMER.get(key) or meant(key, known_keys(root, others, config_dir(arguments)))
    if not advice:
        return f"there is no setting {key} with these choices: --cfg job shows all there are."
    return f"there is no setting {key}: did you mean {advice}?"


def known_keys(root: str, arguments: Sequence[str], folder: str | None) -> list[str]:
    """Dotted keys of the settings that there are with the choices of groups among `arguments`.

    Args:
        folder: of `--config-dir`.
    """
    from hydra import compose, initialize_config_module

    where = [f"hydra.searchpath=[file://{Path(folder).resolve()}]"] if folder else []
    choices = [word for word in arguments if re.fullmatch(r"[\w/@]+=[\w/-]+", word)]
    with initialize_config_module("conf", version_base="1.3"):
        for overrides in ([*where, *choices], []):  # a choice may be what is wrong
            try:
                cfg = compose(root, overrides=overrides)
            except (HydraException, OmegaConfBaseException):
                continue
            return list(flatten(OmegaConf.to_container(cfg, resolve=False)))
    return []


def of_another(part: str, key: str, chosen: str = "") -> str:
    """The sentence for the setting `key` of a launcher or sweeper (`part`) that the `chosen` one has not."""
    files = sorted((Path(conf.__file__).parent / "hydra" / part).glob("*.yaml"))
    settings: dict[str, Any] = {file.stem: OmegaConf.load(file) for file in files}
    keys = {name: [str(key) for key in known] for name, known in settings.items()}
    here = f"hydra/{part}={chosen}" if chosen else f"the {part} that is chosen"
    said = f"hydra.{part}.{key} is no setting of {here}"
    group, _, option = key.partition(".")
    if any(OmegaConf.is_dict(known.get(group)) for known in settings.values()):
        return f"what is added to hydra.{part}.{group} takes a +: write +hydra.{part}.{group}.{option or 'NAME'}=VALUE."
    if whose := [name for name, known in keys.items() if key in known]:
        return f"{said}: it is of hydra/{part}={' and '.join(whose)}."
    meant = nearest(key, [name for known in keys.values() for name in known])
    return f"{said}: did you mean {meant}?" if meant else f"{said}."


def config_dir(arguments: Sequence[str]) -> str | None:
    """The folder that stands behind `--config-dir` or `-cd`."""
    for place, argument in enumerate(arguments):
        if argument in ("--config-dir", "-cd") and place + 1 < len(arguments):
            return arguments[place + 1]
        if argument.startswith("--config-dir="):
            return argument.partition("=")[2]
    return None
