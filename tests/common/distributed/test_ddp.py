"""Distributed runs: the loss of one process, one folder a point, no process left behind."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from torch.distributed import DistNetworkError

from common.distributed.ddp import lost_peer

Lic = Callable[..., int]
POINT = [
    "model=image/factorized", "trainer.max_steps=20", "trainer.val_check_interval=10", "trainer.log_every_n_steps=1",
    "data.batch_size=4",
]  # fmt: skip


def losses(folder: Path) -> list[float]:
    with (folder / "metrics.csv").open() as file:
        return [float(row["train/loss"]) for row in csv.DictReader(file) if row["train/loss"]]


def ranks_of(folder: Path) -> list[int]:
    """Processes that work on a run in `folder`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if "common.engine.rank" in line and any(str(folder) in part for part in line):
            found.append(int(entry.name))
    return found


def test_two_processes_follow_one_inside_a_sweep(lic: Lic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    assert lic("train", *POINT, "lmbda=0.01", "name=one") == 0
    assert lic("train", "-m", *POINT, "lmbda=0.01", "data.crop=64,100", "name=two", "trainer=ddp_cpu") == 2
    one, two = (next((tmp_path / "runs" / name).glob("*/result.json")).parent for name in ("one", "two"))
    assert len(losses(one)) == 20
    assert losses(two) == pytest.approx(losses(one), rel=1e-4)
    assert len(list((tmp_path / "runs/two").glob("*/config.yaml"))) == 2, "one folder a point"
    (failure,) = (tmp_path / "runs/two").glob("*/failed.json")
    assert "multiples of 16" in json.loads(failure.read_text())["reason"]
    a, b = (json.loads((folder / "result.json").read_text())["results"] for folder in (one, two))
    assert b["bpp"] == pytest.approx(a["bpp"], rel=1e-2)
    assert not ranks_of(tmp_path)


def test_a_killed_launcher_leaves_no_rank_behind(tmp_path: Path, photographs: Path) -> None:
    process = subprocess.Popen(
        [
            sys.executable, "-m", "common.cli", "train", "model=image/factorized", "size=tiny", "trainer=ddp_cpu",
            "trainer.max_steps=100000", "data.crop=64", "data.batch_size=2", f"data.test={photographs}",
            "callbacks.progress=null", "trainer.enable_progress_bar=false",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    end = time.monotonic() + 400
    while len(ranks_of(tmp_path)) < 2 and time.monotonic() < end and process.poll() is None:
        time.sleep(0.1)
    started = ranks_of(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(started) == 2
    end = time.monotonic() + 150  # a rank that still imports torch looks after it has
    while ranks_of(tmp_path) and time.monotonic() < end:
        time.sleep(0.1)
    assert not ranks_of(tmp_path)


def test_bad_input_that_a_rank_meets_is_the_users_fault(lic: Callable[..., int], tmp_path: Path) -> None:
    assert lic("train", "model=image/factorized", "trainer=ddp_cpu", "debug=step", "data.crop=65") == 2
    (failure,) = tmp_path.glob("runs/*/*/failed.json")
    assert re.search(r"rank [01] ended with exit status 2: LicError: .* multiples of", failure.read_text())


def test_a_lost_peer_is_told_from_other_faults() -> None:
    closed = "[/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:538] Connection closed by peer [127.0.0.1]:4242"
    assert lost_peer(RuntimeError(closed)) and lost_peer(DistNetworkError("the store is gone"))
    assert not lost_peer(RuntimeError("CUDA out of memory"))
