"""The CPUs that this process may use, and what its threads do while they wait for each other."""

import os
from pathlib import Path

# Of OpenMP: GNU's, which torch's wheels bring, and LLVM's or Intel's. By default a thread that waits keeps its core
# busy, and where another process has work for that core, both wait for each other: two trainings on the same CPUs then
# take twenty times as long. A thread that sleeps at once has to be woken for each operation, and a training alone takes
# twice as long. 300 looks for work, some microseconds, come close to the better one in both cases
# (benchmarks/waiting.py).
WAITING = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "300", "KMP_BLOCKTIME": "0"}


def sleep_while_waiting() -> None:
    """Let threads that wait sleep soon, in this process and those that it starts, where the user has chosen nothing.

    OpenMP reads it when torch is imported: to be called before.
    """
    if not any(name in os.environ for name in WAITING):
        os.environ.update(WAITING)


def granted() -> int:
    """How many CPUs this process may use: by its affinity, its control groups' quota, and SLURM's share of a task."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = os.environ.get("SLURM_CPUS_PER_TASK", "")
    return max(1, min(affinity, quota(), int(share) if share.isdecimal() and int(share) else affinity))


def quota(root: Path = Path("/sys/fs/cgroup"), groups: Path = Path("/proc/self/cgroup")) -> int:
    """The CPUs, rounded up, that the strictest of this process's control groups grants it; very many without a quota.

    Args:
        root: where control groups are mounted, of version 2 or 1.
        groups: which are this process's.
    """
    least = float(1 << 20)
    try:
        lines = [line.split(":", 2) for line in groups.read_text().splitlines()]
    except OSError:
        lines = []
    for _, controllers, path in (line for line in lines if len(line) == 3):
        if controllers and "cpu" not in controllers.split(","):
            continue
        place = root / controllers if controllers else root
        below = place / path.lstrip("/")
        for folder in [below, *below.parents]:
            if folder == place.parent:
                break
            least = min(least, _granted_in(folder))
    return max(1, -(-int(least * 1000) // 1000))


def _granted_in(folder: Path) -> float:
    """CPUs that one control group grants."""
    try:
        limit, period = (folder / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            limit, period = ((folder / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period"))
        except OSError:
            return float("inf")
    return float(limit) / float(period) if limit.lstrip("-").isdecimal() and int(limit) > 0 else float("inf")


def use_threads(wanted: int | None = None) -> None:
    """Let torch use `wanted` threads, or else as many as this process is granted, shared evenly with the other ranks
    of this machine, unless OMP_NUM_THREADS says how many.
    """
    import torch

    if wanted:
        torch.set_num_threads(wanted)
    elif "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(min(torch.get_num_threads(), per_rank(int(os.environ.get("LOCAL_WORLD_SIZE", 1)))))


def per_rank(ranks: int) -> int:
    """Threads for each of `ranks` processes of this machine. SLURM's share is already one rank's, if it starts them."""
    if int(os.environ.get("SLURM_STEP_NUM_TASKS") or 1) > 1 and os.environ.get("SLURM_CPUS_PER_TASK"):
        return granted()
    return max(1, granted() // ranks)
