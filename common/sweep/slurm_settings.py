"""The settings of conf/hydra/launcher/slurm.yaml, checked before anything is written or submitted."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from common.errors import LicError
from common.spelling import advice


def _whole(least: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= least


def _text(value: Any) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def _memory(value: Any) -> bool:
    return value == 0 or (isinstance(value, str) and re.fullmatch(r"\d+[KMGT]B?", value, re.IGNORECASE) is not None)


def _lines(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(line, str) for line in value)


def _options(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(each, (str, int, float, bool)) for each in value.values())


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _seconds(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0


Check = tuple[Callable[[Any], bool], str]
TEXT: Check = (_text, "text")
NULLABLE: dict[str, Check] = {
    "partition": TEXT,
    "account": TEXT,
    "qos": TEXT,
    "constraint": TEXT,
    "mem": (_memory, "a number with its unit, as in 64GB"),
    "setup": (_lines, "a line of shell or a list of such, as in ['module load cuda']"),
}
CHECKS: dict[str, Check] = {
    **NULLABLE,
    "time": (_whole(1), "a whole number of minutes from 1 on"),
    "signal_delay_s": (_whole(0), "a whole number of seconds from 0 on"),
    "requeue": (_flag, "true or false"),
    "cpus_per_task": (_whole(1), "a whole number from 1 on"),
    "array_parallelism": (_whole(1), "a whole number from 1 on"),
    "additional_parameters": (_options, "options of sbatch with their values, as in {mail-type: END}"),
    "wait": (_flag, "true or false"),
    "poll_s": (_seconds, "a number of seconds above 0"),
}


def checked(settings: Mapping[str, Any]) -> dict[str, Any]:
    """`settings` with a line of shell as a list of one.

    Raises:
        LicError: one is not what it must be, or there is none of that name.
    """
    setup = settings.get("setup")
    result = {**settings, **({"setup": [setup]} if isinstance(setup, str) else {})}
    for name, value in result.items():
        if name not in CHECKS:
            raise LicError(f"hydra/launcher=slurm has no setting {name!r}: {advice(name, list(CHECKS))}")
        fits, what = CHECKS[name]
        if not fits(value) and not (value is None and name in NULLABLE):
            raise LicError(f"hydra.launcher.{name} is {value!r}, which must be {what}.")
    return result
