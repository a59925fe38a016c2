"""`lic sweep wandb`: the file from which W&B's agents run points of a sweep with our command.

lic sweep wandb model=image/swift size=tiny lmbda=0.0067,0.013 > sweep.yaml
wandb sweep sweep.yaml          # names the sweep; then, on any number of machines:
wandb agent NAME
"""

from collections.abc import Sequence
from typing import Any

import yaml
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from common.errors import LicError
from common.sweep.search import ask

METRIC = "test/cost"  # see `common.results.points.cost`


def sweep_file(arguments: Sequence[str]) -> str:
    """YAML: a grid where only values are given, else a search that lowers the cost; one value is fixed."""
    asked = ask(arguments, needed=False)
    parameters = {name: _parameter(distribution) for name, distribution in asked.space.items()}
    fixed = list(asked.fixed)
    if len(asked.lmbdas) > 1:
        parameters["lmbda"] = {"values": [float(lmbda) for lmbda in asked.lmbdas]}
    else:
        fixed += [f"lmbda={lmbda}" for lmbda in asked.lmbdas]
    if not parameters:
        raise LicError("nothing varies: give a setting several values (lmbda=0.0067,0.013), a range or an interval.")
    grid = all("values" in parameter for parameter in parameters.values())
    content = {
        "program": "lic",
        "command": ["${env}", "lic", "train", *fixed, "logger=wandb", "${args_no_hyphens}"],
        "method": "grid" if grid else "bayes",
        "metric": {"name": METRIC, "goal": "minimize"},
        "parameters": parameters,
    }
    return yaml.safe_dump(content, sort_keys=False, width=120)


def _parameter(distribution: BaseDistribution) -> dict[str, Any]:
    if isinstance(distribution, CategoricalDistribution):
        return {"values": [_plain(choice) for choice in distribution.choices]}
    assert isinstance(distribution, (IntDistribution, FloatDistribution))
    if isinstance(distribution, IntDistribution) and not distribution.log:
        return {"values": list(range(distribution.low, distribution.high + 1, distribution.step))}
    whole = isinstance(distribution, IntDistribution)
    kind = "q_log_uniform_values" if whole else "log_uniform_values" if distribution.log else "uniform"
    return {"distribution": kind, "min": distribution.low, "max": distribution.high}


def _plain(choice: Any) -> Any:
    """A number that is written as text is one to W&B, too."""
    for kind in (int, float):
        try:
            return kind(choice)
        except ValueError:
            continue
    return choice
