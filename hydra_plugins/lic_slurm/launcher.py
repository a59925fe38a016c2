"""`hydra/launcher=slurm`. Hydra takes launchers from `hydra_plugins` only, and imports what is there at every start:
hence a file that says the least; the work is in `common.sweep.slurm_sweep`.
"""

from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class SlurmLauncher(Launcher):
    """Submits the points of a sweep as array jobs."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.context, self.config = hydra_context, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from common.sweep.slurm_sweep import launch

        return launch(self.context, self.config, job_overrides, initial_job_idx, self.settings)
