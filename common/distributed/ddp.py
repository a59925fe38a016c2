"""Ranks of a distributed run, started as the one job they belong to.

Lightning starts ranks by executing `sys.argv` again, which in a sweep would start the whole sweep in every rank.
Here torch's elastic agent (what `torchrun` uses) starts `python -m common.engine.rank FOLDER PARENT`, which trains from
the configuration saved in the folder. The agent picks a free port and ends every rank when one of them fails.
"""

import os
import signal
import sys

import torch
from omegaconf import DictConfig, ListConfig

from common.cpus import per_rank
from common.errors import LicError
from common.run.folder import RunFolder

STOPPING = (signal.SIGINT, signal.SIGTERM)
FAULT_OF_INPUT = 2  # exit status of a rank, as of any `lic`


class RankFailed(Exception):
    """A process of a distributed run ended with an error."""


def processes(cfg: DictConfig) -> int:
    """How many ranks the run has: `trainer.devices`, a number, a list, or "auto" for every GPU of the machine."""
    devices = cfg.trainer.devices
    if isinstance(devices, ListConfig):
        return len(devices)
    if devices in ("auto", -1):
        return max(1, torch.cuda.device_count()) if cfg.trainer.accelerator in ("gpu", "cuda", "auto") else 1
    return int(devices)


def lost_peer(error: RuntimeError) -> bool:
    """Whether `error` says that another rank died: torch's own classes for it, and gloo's text, which has no class."""
    from torch.distributed import DistNetworkError

    return isinstance(error, DistNetworkError) or "closed by peer" in str(error) or "reset by peer" in str(error)


def launch_ranks(folder: RunFolder, count: int) -> None:
    """Train the run in `folder` with `count` processes and return when all have ended.

    Raises:
        RankFailed: the words are the first failing rank's own.
        KeyboardInterrupt: this process was asked to stop, and has stopped the ranks.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=folder.path.name,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        monitor_interval=0.2,
        start_method="spawn",
    )
    own = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = own or str(per_rank(count))
    handlers = {number: signal.getsignal(number) for number in STOPPING}  # the agent replaces them
    try:
        elastic_launch(config, sys.executable)("-m", "common.engine.rank", str(folder.path), str(os.getpid()))
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        said = failure.message["message"] if isinstance(failure.message, dict) else failure.message
        reason = f"rank {rank} ended with exit status {failure.exitcode}: {said}"
        raise (LicError(reason) if failure.exitcode == FAULT_OF_INPUT else RankFailed(reason)) from error
    except SignalException as error:
        raise KeyboardInterrupt from error
    finally:
        if own is None:  # the next point may be of other ranks
            del os.environ["OMP_NUM_THREADS"]
        for number, handler in handlers.items():
            signal.signal(number, handler)
