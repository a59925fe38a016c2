"""`hydra/launcher=local`: Hydra's own, and what is to come is noted first."""

from collections.abc import Sequence
from pathlib import Path

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.utils import JobReturn


class LocalLauncher(BasicLauncher):
    """One point after the other in this process, which has torch imported already."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from common.launch.plan import note

        assert self.config is not None
        note(Path(self.config.hydra.sweep.dir), job_overrides)
        return super().launch(job_overrides, initial_job_idx)
