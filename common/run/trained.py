"""A finished run from Python: its network, its configuration, what it was measured at."""

from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from common.errors import LicError
from common.io import read_json
from common.run.targets import instantiate_harmless
from common.run.weights import run_of, trained_network

F = TypeVar("F")


class Trained:
    """What every kind of trained run has.

    Attributes:
        network: in evaluation mode, on the device.
        config: the run's `config.yaml`.
        results: of its `result.json`: figure -> value, None where not defined; empty where there is no such file.
    """

    def __init__(self, run: str | Path, device: str = "cpu") -> None:
        self.network: nn.Module
        self.network, self.config = trained_network(run, device)
        file = run_of(Path(run).expanduser()).result
        results: dict[str, list[float | None]] = read_json(file)["results"] if file.exists() else {}
        self.results = {name: value for name, (value, *_) in results.items()}
        self.device = device

    def files(self, kind: type[F], what: str) -> F:
        """What codes files with the network; LicError where that is no `kind`, which codes `what`."""
        settings = self.config.get("files")
        files = instantiate_harmless(settings, codec=self.network, model=self.config.system) if settings else None
        if not isinstance(files, kind):
            raise LicError(f"this is a run of {self.config.system}, which codes no {what}.")
        return files

    def __call__(self, *inputs: Any) -> Any:
        """The network's forward pass on tensors."""
        return self.network(*inputs)

    def __repr__(self) -> str:
        figures = ", ".join(f"{name} {value:.4g}" for name, value in self.results.items() if value is not None)
        return f"<{self.config.label}: {figures}>" if figures else f"<{self.config.label}>"
