"""How a trainer saves and loads checkpoints. A file of its own, so that `lic compress` need not import Lightning."""

from pathlib import Path
from typing import Any

from lightning.fabric.plugins.io import TorchCheckpointIO

from common.run.checkpoints import load_whole, save_whole


class WholeCheckpoints(TorchCheckpointIO):
    """How a trainer saves and loads its checkpoints, whatever its strategy.

    Args:
        own: the run's own one, which may hold whatever its callbacks put into it; from others code is not taken.
    """

    def __init__(self, own: Path | None = None) -> None:
        super().__init__()
        self.own = own

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        save_whole(checkpoint, Path(path))

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        return load_whole(Path(path), trusted=Path(path) == self.own)
