"""A search over settings: Optuna proposes them, the launcher trains, and results are read from the run folders.

λ is not searched: it sets the trade-off that is wanted. A trial is one point at that λ. Its value is what training
minimises, measured on whole pictures and real files. With objective=bd_rate a trial is one point at each of several λ,
and its value is the BD-rate of their curve. Values are read from result.json, so any launcher will do. Trials are
stored beside the points (`common.sweep.trials`), and an interrupted one is finished before others begin.
"""

import logging
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import optuna
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep, Transformer
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState
from rich.console import Console
from rich.table import Table

from common.engine.outcome import run_job
from common.engine.session import current
from common.errors import LicError
from common.io import write_csv
from common.run.folder import LOCK_TIMEOUT
from common.run.locks import waiting_for
from common.sweep.manifest import name_of
from common.sweep.objective import curve, objective
from common.sweep.trials import Judge, Trials

log = logging.getLogger(__name__)

TABLE = "search.csv"
SHOWN = 10  # best trials printed


class Asked(NamedTuple):
    """What a command line asks for: what to search, λ by λ what each trial runs, and what is the same for all."""

    space: dict[str, BaseDistribution]
    lmbdas: list[str]  # empty where λ is not given
    fixed: list[str]


def search(
    launcher: Launcher, context: HydraContext, config: DictConfig, arguments: Sequence[str], settings: dict[str, Any]
) -> None:
    """Run the search; how it failed, if it did, is an outcome like a point's."""
    folder = Path(config.hydra.sweep.dir)

    def job() -> None:
        check(config, settings)
        given = {override.partition("=")[0] for override in arguments}
        more = [f"{key}={value}" for key, value in (settings["params"] or {}).items() if key not in given]
        asked = ask([*more, *arguments])
        value = objective(settings["objective"], settings["reference"], len(asked.lmbdas))

        def judge(params: Mapping[str, Any]) -> float | None:
            points = overrides(asked, params)
            found = value([folder / name_of(context.config_loader, config, point) for point in points])
            return found if found is not None and math.isfinite(found) else None

        cfg = context.config_loader.load_sweep_config(config, [*asked.fixed, *(f"lmbda={v}" for v in asked.lmbdas[:1])])
        trials = Trials(
            folder,
            question(cfg, asked, settings),
            asked.space,
            settings["direction"],
            judge,
            bool(cfg.get("overwrite")),
        )
        run(trials, launcher, asked, judge, settings)
        tell(trials)

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    outcome = run_job(job, folder)
    if outcome.reason:  # else those of the points are enough
        current().outcomes.append(outcome)


def check(config: DictConfig, settings: dict[str, Any]) -> None:
    """Raise `LicError` for settings of the sweeper, or of its launcher, with which there is no search."""
    if not config.hydra.launcher.get("wait", True):
        raise LicError("a search chooses by what its points give: leave hydra.launcher.wait=true.")
    for name in ("n_trials", "n_jobs"):
        if not isinstance(settings[name], int) or settings[name] < 1:
            raise LicError(f"hydra.sweeper.{name} is {settings[name]!r}, which must be a whole number from 1 on.")
    if settings["direction"] not in ("minimize", "maximize"):
        raise LicError(f"hydra.sweeper.direction is {settings['direction']!r}: choose minimize or maximize.")


def question(cfg: DictConfig, asked: Asked, settings: dict[str, Any]) -> dict[str, Any]:
    """What the values of trials depend on besides their parameters: compared as values, whatever their spelling.

    Args:
        cfg: what is the same for all trials, at the first λ.
    """
    fixed: Any = OmegaConf.to_container(OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"]))
    reference = curve(Path(settings["reference"])) if settings["reference"] is not None else None
    sweeper = {
        "objective": settings["objective"],
        "direction": settings["direction"],
        "reference": reference and [[point.bpp, point.psnr] for point in reference.points],
    }
    lmbdas = sorted(map(float, asked.lmbdas)) if len(asked.lmbdas) > 1 else fixed.get("lmbda")
    return {**fixed, "lmbda": lmbdas, "hydra": {"sweeper": sweeper}}


def run(trials: Trials, launcher: Launcher, asked: Asked, judge: Judge, settings: dict[str, Any]) -> None:
    """Bring the search to `n_trials`, those of other shells among them, `n_jobs` of this one launched together."""
    count, launched, end = settings["n_trials"], 0, math.inf
    while (left := count - trials.ended()) > 0 and time.monotonic() < end:
        claims = trials.claim(count, settings["n_jobs"], lambda number: sampler(settings, number))
        if not claims:  # the rest is at work elsewhere, or with what a killed shell has left for a moment
            end = min(end, time.monotonic() + LOCK_TIMEOUT)
            time.sleep(0.1)
            continue
        with ExitStack() as held:
            for claim in claims:
                held.enter_context(claim.lock)
            for file in [file for claim in claims for file in claim.after]:
                with waiting_for(file):
                    pass
            points = [overrides(asked, claim.params) for claim in claims]
            each_once = list(dict.fromkeys(tuple(point) for several in points for point in several))
            launcher.launch([list(point) for point in each_once], initial_job_idx=launched)
            launched += len(each_once)
            for claim in claims:
                value = judge(claim.params)
                trials.settle(claim, value)
                said = "failed" if value is None else f"{value:.4f}"
                log.info("trial %d of %d: %s %s", claim.number + 1, count, said, claim.params)
    if left > 0:
        log.info("%d trials are at work in other shells; the same command shows them when they have ended.", left)


def sampler(settings: dict[str, Any], trials: int) -> optuna.samplers.BaseSampler:
    """One that has drawn nothing yet: what is proposed is a function of the seed and the trials before alone, so that
    a search that was interrupted does not propose again what it has tried.
    """
    seed = settings["seed"]
    return settings["sampler"](**({} if seed is None else {"seed": seed * 1_000_003 + trials}))


def overrides(asked: Asked, params: Mapping[str, Any]) -> list[list[str]]:
    """Of each point of a trial."""
    searched = [f"{name}={value}" for name, value in params.items()]
    return [[*asked.fixed, *searched, *lmbda] for lmbda in ([[f"lmbda={v}"] for v in asked.lmbdas] or [[]])]


def ask(arguments: Sequence[str], needed: bool = True) -> Asked:
    """Sort the overrides of a command line; `needed`: it must search something but λ."""
    parsed = OverridesParser.create().parse_overrides(list(arguments))
    space: dict[str, BaseDistribution] = {}
    lmbdas: list[str] = []
    fixed: list[str] = []
    for override in parsed:
        name = override.get_key_element()
        if name == "lmbda":
            values = override.sweep_iterator(Transformer.encode) if override.is_sweep_override() else None
            lmbdas = [str(v) for v in values] if values else [str(override.get_value_element_as_str())]
        elif override.is_sweep_override():
            space[name] = distribution(override)
        else:
            fixed.append(str(override.input_line))
    if needed and not space:
        raise LicError("nothing is searched: give a setting several values, a range(a,b) or an interval(a,b).")
    return Asked(space, lmbdas, fixed)


def distribution(override: Override) -> BaseDistribution:
    """`choice(a,b)` and `a,b`; `range(low,high,step)`, without its end as in Hydra; `interval(low,high)`, which
    `tag(log,interval(…))` searches by factors and `int(interval(…))` over whole numbers.
    """
    value = override.value()
    if isinstance(value, IntervalSweep):
        assert value.start is not None and value.end is not None
        log_scale = "log" in value.tags
        if isinstance(value.start, int) and isinstance(value.end, int):
            return IntDistribution(value.start, value.end, log=log_scale)
        return FloatDistribution(value.start, value.end, log=log_scale)
    assert isinstance(value, (ChoiceSweep, RangeSweep))
    values = [str(each) for each in override.sweep_iterator(Transformer.encode)]
    if isinstance(value, RangeSweep) and isinstance(value.start, int) and isinstance(value.step, int):
        return IntDistribution(int(values[0]), int(values[-1]), step=value.step)
    return CategoricalDistribution(values)


def tell(trials: Trials) -> None:
    """Print the best trials, and write all of them beside the points."""
    study, folder = trials.study, trials.folder
    complete = study.get_trials(states=(TrialState.COMPLETE,))
    if not complete:
        if trials.elsewhere():
            return
        raise LicError(f"no trial gave a value: see what failed with 'lic sweep status {folder}'.")
    sign = 1 if study.direction == optuna.study.StudyDirection.MINIMIZE else -1
    best = sorted(complete, key=lambda trial: sign * (trial.value or 0.0))
    with trials.lock():
        write_csv(folder / TABLE, [{"trial": t.number, "value": t.value, **t.params} for t in best])
    names = list(best[0].params)
    table = Table("trial", "value", *names, title=f"The best of {len(complete)} trials", title_justify="left")
    for trial in best[:SHOWN]:
        table.add_row(str(trial.number), f"{trial.value:.4f}", *(f"{trial.params.get(name)}" for name in names))
    Console().print(table)
    Console().print(f"All: {folder / TABLE}", markup=False)
