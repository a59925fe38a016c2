"""Distributed runs: the loss of one process, one folder a point, no process left behind."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

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
        if "common.launch.rank" in line and any(str(folder) in part for part in line):
            found.append(int(entry.name))
    return found


def test_two_processes_follow_one_inside_a_sweep(lic: Lic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    assert lic("train", *POINT, "lmbda=0.01", "name=one") == 0
    assert lic("train", "-m", *POINT, "lmbda=0.01,-1", "name=two", "trainer=ddp_cpu") == 2
    one, two = (next((tmp_path / "runs" / name).glob("*/result.json")).parent for name in ("one", "two"))
    assert len(losses(one)) == 20
    assert losses(two) == pytest.approx(losses(one), rel=1e-4)
    assert len(list((tmp_path / "runs/two").glob("*/config.yaml"))) == 2, "one folder a point"
    (failure,) = (tmp_path / "runs/two").glob("*/failed.json")
    assert "above 0" in json.loads(failure.read_text())["reason"]
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
    end = time.monotonic() + 120
    while len(ranks_of(tmp_path)) < 2 and time.monotonic() < end and process.poll() is None:
        time.sleep(0.1)
    started = ranks_of(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(started) == 2
    end = time.monotonic() + 20
    while ranks_of(tmp_path) and time.monotonic() < end:
        time.sleep(0.1)
    assert not ranks_of(tmp_path)


def torchrun(verb: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    started = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "common.cli"]
    return subprocess.run([*started, verb, *arguments], capture_output=True, text=True, timeout=300)


def test_ranks_that_were_started_by_torchrun_train_every_point_together(
    tmp_path: Path, photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    monkeypatch.chdir(tmp_path)
    small = ["size=tiny", "data.crop=64", f"data.test={photographs}", "report.baselines=[]", "callbacks.progress=null"]
    ended = torchrun("train", "-m", *POINT, *small, "lmbda=0.01,-1,0.02", "trainer=ddp_cpu", "name=three")
    assert ended.returncode and "above 0" in ended.stdout, ended.stderr[-2000:]
    assert len(list(tmp_path.glob("runs/three/*/config.yaml"))) == 3, "one folder a point"
    assert len(list(tmp_path.glob("runs/three/*/result.json"))) == 2
    assert ended.stdout.count("M parameters") == 2, "only the first rank speaks"


def test_ranks_that_were_started_for_another_trainer_are_one_sentence(
    lic: Lic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from common.launch import application

    class Two:
        size, rank = 2, 0

        def tell(self, folder: Path | None) -> None:
            assert folder is None, "nothing is to be trained"

    monkeypatch.setattr(application, "ranks", Two)
    assert lic("train", *POINT) == 2
    (failure,) = tmp_path.glob("runs/*/*/failed.json")
    assert "2 ranks were started, and the trainer wants 1" in failure.read_text()
    assert lic("eval", "run=x") == 2
    monkeypatch.setattr(application, "started", None)
