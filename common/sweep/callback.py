"""What a sweep adds around its points: values of the command line replace the experiment's; a report at the end."""

import inspect
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep
from hydra.experimental.callback import Callback
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from common.engine.hydra_faults import Refused, of_another
from common.engine.outcome import run_job
from common.engine.session import current
from common.errors import LicError
from common.run.names import slug
from common.run.study import check_rows_decide
from common.run.validate import check_unit_of_lmbda, typed_keys
from common.sweep.report_settings import check_report, say_what_needs_a_sweep

log = logging.getLogger(__name__)


class Sweep(Callback):
    """Hydra callback for `lic train -m`."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Say what a single run does not do, though it was asked for."""
        for part in ("launcher", "sweeper"):
            typed = [each for each in config.hydra.overrides.hydra if each.startswith(f"hydra/{part}=")]
            if typed:
                raise Refused(f"{typed[0]} is of sweeps: add -m, also for a single point.")
        if (launcher := config.hydra.runtime.choices["hydra/launcher"]) != "local":
            log.info("This runs here: hydra/launcher=%s takes sweeps (-m), also of a single point.", launcher)
        HydraConfig.instance().set_config(config)  # the resolvers ask it, and Hydra sets it only for jobs
        check_rows(config)
        if any(key.startswith("report.") for key in typed_keys()):
            with refusing():
                check_report(config.report)
            say_what_needs_a_sweep(config.report, typed_keys())

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Let the command line replace an experiment's own sweep; Hydra would run the product of the two."""
        for part in ("launcher", "sweeper"):
            check_settings_of(part, config)
        HydraConfig.instance().set_config(config)  # the resolvers ask it, and Hydra sets it only for jobs
        check_rows(config)
        with refusing():
            check_report(config.report)
            check_lmbdas(config)
        task = list(config.hydra.overrides.task)
        given = {override.partition("=")[0] for override in task}
        with read_write(config.hydra), open_dict(config.hydra):
            for key in [key for key in config.hydra.sweeper.params or {} if key in given]:
                del config.hydra.sweeper.params[key]
        check_values([*(f"{k}={v}" for k, v in (config.hydra.sweeper.params or {}).items()), *task], config)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Write the sweep's report beside its points and print it."""
        if not config.report.enabled or not config.hydra.launcher.get("wait", True):  # nothing has run yet
            return
        from common.sweep.report import sweep_report

        place = Path(config.hydra.sweep.dir)
        outcomes = current().outcomes
        if [outcome.folder for outcome in outcomes] == [place] and outcomes[0].reason:
            return  # the sweep as a whole has failed, as was said: no point has begun
        folders = [outcome.folder for outcome in outcomes] or [place]  # of other launchers
        name = slug(config.hydra.overrides.task)
        out = place / ("report" if name == "default" else f"report-{name}")
        outcomes.append(run_job(lambda: sweep_report(folders, out, config), out))


def check_lmbdas(config: DictConfig) -> None:
    """Raises `LicError` for λ of a recipe's own sweep that are in the unit of another distortion."""
    raw: Any = OmegaConf.to_container(config, resolve=False)
    swept = (raw["hydra"]["sweeper"].get("params") or {}).get("lmbda")
    check_unit_of_lmbda("lmbda", swept)
    if swept == "${lmbdas}":
        check_unit_of_lmbda("lmbdas", raw.get("lmbdas"))


def check_rows(config: DictConfig) -> None:
    """Refuse what is typed in place of what the rows of an ablation decide."""
    if study := config.get("study"):
        with refusing():
            check_rows_decide(study, typed_keys(), f"ablation={config.hydra.runtime.choices.get('ablation')}")


@contextmanager
def refusing() -> Iterator[None]:
    """Refuse the command for what a check in the block finds."""
    try:
        yield
    except LicError as error:
        raise Refused(str(error)) from error


def check_settings_of(part: str, config: DictConfig) -> None:
    """Refuse settings of a launcher or sweeper (`part`) that the chosen one has not, such as those of another."""
    settings = config.hydra[part]
    known = inspect.signature(get_class(settings._target_)).parameters
    if any(parameter.kind == inspect.Parameter.VAR_KEYWORD for parameter in known.values()):
        return  # it looks at them itself
    if unknown := [str(key) for key in settings if not str(key).startswith("_") and key not in known]:
        raise Refused(of_another(part, unknown[0], config.hydra.runtime.choices[f"hydra/{part}"]))


def check_values(overrides: Sequence[str], config: DictConfig) -> None:
    """Refuse a sweep over no value, as a pattern gives it that nothing fits: it would do nothing, and end well."""
    loader = GlobalHydra.instance().config_loader()
    for override in OverridesParser.create(config_loader=loader).parse_overrides(list(overrides)):
        if override.is_discrete_sweep() and not any(True for _ in override.sweep_iterator()):
            raise Refused(f"{override.input_line} stands for nothing: no value fits it.")
        if isinstance(override.value(), IntervalSweep) and config.hydra.runtime.choices["hydra/sweeper"] == "basic":
            raise Refused(f"{override.input_line} has no end of values: to search it, add hydra/sweeper=optuna.")
