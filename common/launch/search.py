"""A search over settings: Optuna proposes, the launcher runs, the run folders' results answer.

λ is not searched: it says which trade-off is wanted. A trial is one point at that λ, judged by what training minimises,
measured on whole pictures and real files; or with objective=bd_rate one point at each of several λ, judged by the bits
that their curve saves. Values are read from result.json, so any launcher will do; trials are kept in a journal beside
the points, and one that was interrupted is finished before others begin.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import optuna
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep, Transformer
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from rich.console import Console
from rich.table import Table

from common.errors import LicError
from common.launch.application import outcomes, run_job
from common.launch.names import slug
from common.launch.objective import Objective, objective
from common.rd.points import write_csv

log = logging.getLogger(__name__)

JOURNAL, TABLE = "search.journal", "search.csv"
SHOWN = 10  # best trials printed


class Asked(NamedTuple):
    """What a command line asks for: what to search, λ by λ what each trial runs, and what is the same for all."""

    space: dict[str, BaseDistribution]
    lmbdas: list[str]  # empty where λ is not given
    fixed: list[str]


def search(launcher: Launcher, config: DictConfig, arguments: Sequence[str], settings: dict[str, Any]) -> None:
    """Run the search; how it failed, if it did, is an outcome like a point's."""
    folder = Path(config.hydra.sweep.dir)

    def job() -> None:
        if not config.hydra.launcher.get("wait", True):
            raise LicError("a search chooses by what its points give: leave hydra.launcher.wait=true.")
        given = {override.partition("=")[0] for override in arguments}
        more = [f"{key}={value}" for key, value in (settings["params"] or {}).items() if key not in given]
        asked = ask([*more, *arguments])
        judge = objective(settings["objective"], settings["reference"], len(asked.lmbdas))
        folder.mkdir(parents=True, exist_ok=True)
        study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(folder / JOURNAL))),
            study_name="search",
            direction=settings["direction"],
            load_if_exists=True,
        )
        run(study, launcher, folder, asked, judge, settings)
        tell(study, folder)

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    run_job(job, folder)
    if outcomes[-1].reason is None:
        outcomes.pop()  # those of the points are enough


def run(
    study: optuna.Study, launcher: Launcher, folder: Path, asked: Asked, judge: Objective, settings: dict[str, Any]
) -> None:
    """Bring the study to `n_trials`, `n_jobs` of them launched together."""
    count, at_once, launched = settings["n_trials"], settings["n_jobs"], 0
    while (left := count - len(study.get_trials(states=(TrialState.COMPLETE, TrialState.FAIL)))) > 0:
        begun = [(trial.number, trial.params) for trial in study.get_trials(states=(TrialState.RUNNING,))][:at_once]
        study.sampler = sampler(settings, len(study.trials))
        new = (study.ask(asked.space) for _ in range(min(at_once, left) - len(begun)))
        trials = begun + [(trial.number, trial.params) for trial in new]
        points = [overrides(asked, params) for _, params in trials]
        launcher.launch([point for each in points for point in each], initial_job_idx=launched)
        launched += sum(map(len, points))
        for (number, params), each in zip(trials, points):
            value = judge([folder / slug(point, folder) for point in each])
            study.tell(number, value, TrialState.COMPLETE if value is not None else TrialState.FAIL)
            said = "failed" if value is None else f"{value:.4f}"
            log.info("trial %d of %d: %s %s", number + 1, count, said, params)


def sampler(settings: dict[str, Any], trials: int) -> optuna.samplers.BaseSampler:
    """One that has drawn nothing yet: what is proposed is a function of the seed and the trials before alone, so that
    a search that was interrupted does not propose again what it has tried.
    """
    seed = settings["seed"]
    return settings["sampler"](**({} if seed is None else {"seed": seed * 1_000_003 + trials}))  # type: ignore[no-any-return]


def overrides(asked: Asked, params: dict[str, Any]) -> list[list[str]]:
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


def tell(study: optuna.Study, folder: Path) -> None:
    """Print the best trials, and write all of them beside the points."""
    trials = study.get_trials(states=(TrialState.COMPLETE,))
    if not trials:
        raise LicError(f"no trial gave a value: see what failed with 'lic sweep status {folder}'.")
    sign = 1 if study.direction == optuna.study.StudyDirection.MINIMIZE else -1
    best = sorted(trials, key=lambda trial: sign * (trial.value or 0.0))
    write_csv(folder / TABLE, [{"trial": t.number, "value": t.value, **t.params} for t in best])
    names = list(best[0].params)
    table = Table("trial", "value", *names, title=f"The best of {len(trials)} trials", title_justify="left")
    for trial in best[:SHOWN]:
        table.add_row(str(trial.number), f"{trial.value:.4f}", *(f"{trial.params.get(name)}" for name in names))
    Console().print(table)
    Console().print(f"All: {folder / TABLE}", markup=False)
