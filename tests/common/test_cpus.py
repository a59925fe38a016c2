"""Threads follow the CPUs that the process may use."""

import os
from pathlib import Path

import pytest
import torch

from common.cpus import WAITING, granted, per_rank, quota, sleep_while_waiting, use_threads


def groups(tmp_path: Path, files: dict[str, str], line: str) -> dict[str, Path]:
    for name, content in files.items():
        (tmp_path / "fs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fs" / name).write_text(content)
    (tmp_path / "cgroup").write_text(line)
    return {"root": tmp_path / "fs", "groups": tmp_path / "cgroup"}


@pytest.mark.parametrize(
    ("files", "line", "cpus"),
    [
        ({"job/step/cpu.max": "150000 100000\n", "job/cpu.max": "max 100000\n"}, "0::/job/step\n", 2),
        ({"job/step/cpu.max": "max 100000\n", "job/cpu.max": "100000 100000\n"}, "0::/job/step\n", 1),
        ({"cpu,cpuacct/job/cpu.cfs_quota_us": "300000", "cpu,cpuacct/job/cpu.cfs_period_us": "100000"},
         "5:memory:/job\n4:cpu,cpuacct:/job\n", 3),
        ({"cpu,cpuacct/job/cpu.cfs_quota_us": "-1", "cpu,cpuacct/job/cpu.cfs_period_us": "100000"},
         "4:cpu,cpuacct:/job\n", 1 << 20),
        ({"cpu.max": "400000 100000"}, "0::/\n", 4),
    ],
)  # fmt: skip
def test_the_strictest_quota_counts(files: dict[str, str], line: str, cpus: int, tmp_path: Path) -> None:
    assert quota(**groups(tmp_path, files, line)) == cpus


def test_affinity_and_slurms_share_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.cpus.quota", lambda: 1 << 20)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(12)), raising=False)
    for name in ("SLURM_CPUS_PER_TASK", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)
    assert (granted(), per_rank(4), per_rank(100)) == (12, 3, 1)
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "8")
    assert (granted(), per_rank(4)) == (8, 2), "one task that starts its ranks itself"
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    assert per_rank(4) == 8, "tasks that are the ranks"


def test_torch_takes_as_many_unless_the_user_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    used = {"threads": 64}
    monkeypatch.setattr(torch, "set_num_threads", lambda count: used.update(threads=count))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
    monkeypatch.setattr("common.cpus.granted", lambda: 6)
    monkeypatch.delenv("SLURM_STEP_NUM_TASKS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    use_threads()
    assert used["threads"] == 64
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    use_threads()
    assert used["threads"] == 3
    use_threads(7)
    assert used["threads"] == 7


def test_waiting_threads_sleep_unless_the_user_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    environment: dict[str, str] = {}
    monkeypatch.setattr(os, "environ", environment)
    sleep_while_waiting()
    assert environment == WAITING
    assert 0 < int(environment["GOMP_SPINCOUNT"]) < 1000, "asleep at once, or awake for long: benchmarks/waiting.py"
    environment.clear()
    environment["KMP_BLOCKTIME"] = "200"
    sleep_while_waiting()
    assert environment == {"KMP_BLOCKTIME": "200"}
