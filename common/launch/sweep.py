"""What a sweep adds around its points: no point twice, and a report at the end."""

import logging
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, open_dict, read_write

from common.launch.application import outcomes, run_job
from common.launch.names import slug

log = logging.getLogger(__name__)


class Sweep(Callback):
    """Hydra callback for `lic train -m`."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Let the command line replace an experiment's own sweep; Hydra would run the product of the two."""
        if absent := [file for file in config.report.published if not Path(file).is_file()]:
            raise SystemExit(f"report.published: there is no file {absent[0]}.")
        HydraConfig.instance().set_config(config)  # the resolvers ask it, and Hydra sets it only for jobs
        given = {override.partition("=")[0] for override in config.hydra.overrides.task}
        with read_write(config.hydra), open_dict(config.hydra):
            for key in [key for key in config.hydra.sweeper.params or {} if key in given]:
                del config.hydra.sweeper.params[key]

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Write the sweep's report beside its points and print it."""
        if not config.report.enabled or not config.hydra.launcher.get("wait", True):  # nothing has run yet
            return
        from common.launch.report import sweep_report

        folders = [outcome.folder for outcome in outcomes] or [Path(config.runs) / config.name]  # of other launchers
        name = slug(config.hydra.overrides.task)
        out = Path(config.runs) / config.name / ("report" if name == "default" else f"report-{name}")
        run_job(lambda: sweep_report(folders, out, config), out)
