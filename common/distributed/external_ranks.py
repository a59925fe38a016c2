"""Ranks that were started from outside: `torchrun … lic train` and `srun lic train`.

If every rank ran Hydra, each would make folders and run the sweep by itself. So only the first rank runs Hydra. Through
one of torch's stores it tells the others which run folder is to be trained next, and they train it, too.
"""

import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import fault_of_input
from common.run.folder import RunFolder

if TYPE_CHECKING:
    from torch.distributed import TCPStore

END = ""  # in place of a folder: there is nothing more to train
END_TIMEOUT = 60.0  # seconds that the first rank waits for the others at the end
STORE_TIMEOUT = timedelta(days=30)  # that ranks may wait for the first: it evaluates and reports alone


class Ranks:
    """What this process is among those that were started together; the environment is set as torchrun sets it."""

    def __init__(self) -> None:
        if "TORCHELASTIC_RUN_ID" not in os.environ:
            as_torchrun()
        self.rank, self.size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        self.sent = 0
        self._store: TCPStore | None = None

    @property
    def store(self) -> "TCPStore":
        """Torchrun's own, or one that the first rank holds, at the port beside that of the process group."""
        if self._store is None:
            from torch.distributed import TCPStore

            held = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
            port = int(os.environ["MASTER_PORT"]) + (not held)
            master = not held and self.rank == 0
            self._store = TCPStore(
                os.environ["MASTER_ADDR"], port, is_master=master, timeout=STORE_TIMEOUT, wait_for_workers=False
            )
        return self._store

    def tell(self, folder: Path | None) -> None:
        """The first rank: `folder` is to be trained now; None: nothing more, and return when all have heard it."""
        self.store.set(f"lic/{self.sent}", str(folder.resolve()) if folder else END)
        self.sent += 1
        end = time.monotonic() + END_TIMEOUT
        while folder is None and self.store.add("lic/ended", 0) < self.size - 1 and time.monotonic() < end:
            time.sleep(0.1)

    def follow(self, train: Callable[[RunFolder], None]) -> int:
        """Any other rank: `train` what the first one says until it says that there is nothing more."""
        while folder := self.store.get(f"lic/{self.sent}").decode():
            self.sent += 1
            try:
                train(RunFolder(folder))
            except Exception as error:
                if not fault_of_input(error):  # which the first rank has met too, and goes on to the next point
                    raise
        self.store.add("lic/ended", 1)
        return 0


def ranks() -> Ranks | None:
    """What this process is, if several were started as one program; None if it is alone."""
    torchrun = "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ.get("WORLD_SIZE", 1)) > 1
    srun = int(os.environ.get("SLURM_STEP_NUM_TASKS", 1)) > 1
    return Ranks() if torchrun or srun else None


def as_torchrun() -> None:
    """Say in torchrun's words, which `fit` understands, what srun has said of this process in its own."""
    from submitit.helpers import TorchDistributedEnvironment

    os.environ.setdefault("SUBMITIT_EXECUTOR", "slurm")  # by this submitit knows where it is
    TorchDistributedEnvironment().export(set_cuda_visible_devices=False, overwrite=True)
    os.environ["TORCHELASTIC_RUN_ID"] = os.environ["SLURM_JOB_ID"]
