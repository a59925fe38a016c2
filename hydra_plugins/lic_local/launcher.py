"""`hydra/launcher=local`: Hydra's own, and what is to come is noted first."""

from collections.abc import Sequence
from pathlib import Path

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.utils import JobReturn


class LocalLauncher(BasicLauncher):
    """One point after the other in this process, which has torch imported already."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from common.sweep.manifest import name_of, note

        assert self.config is not None and self.hydra_context is not None
        loader = self.hydra_context.config_loader
        names = [name_of(loader, self.config, each, n) for n, each in enumerate(job_overrides, initial_job_idx)]
        note(Path(self.config.hydra.sweep.dir), dict(zip(names, job_overrides)))
        return super().launch(job_overrides, initial_job_idx)
