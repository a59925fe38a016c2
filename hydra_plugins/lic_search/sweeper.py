"""`hydra/sweeper=optuna`. Hydra takes sweepers from `hydra_plugins` only, and imports what is there at every start:
hence a file that says the least; the work is in `common.sweep.search`.
"""

from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class OptunaSweeper(Sweeper):
    """Chooses the points of a sweep by what the points before have given."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            config=config, hydra_context=hydra_context, task_function=task_function
        )

    def sweep(self, arguments: list[str]) -> None:
        from common.sweep.search import search

        search(self.launcher, self.context, self.config, arguments, self.settings)
