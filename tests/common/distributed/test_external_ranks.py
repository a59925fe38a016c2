"""Ranks that torchrun or srun has started: the first leads, the others follow."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from common.distributed.external_ranks import ranks

Lic = Callable[..., int]
POINT = [
    "model=image/factorized", "trainer.max_steps=20", "trainer.val_check_interval=10", "trainer.log_every_n_steps=1",
    "data.batch_size=4",
]  # fmt: skip


def torchrun(verb: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    started = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "common.cli"]
    return subprocess.run([*started, verb, *arguments], capture_output=True, text=True, timeout=550)


def test_ranks_that_were_started_by_torchrun_train_every_point_together(
    tmp_path: Path, photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    monkeypatch.chdir(tmp_path)
    small = ["size=tiny", f"data.test={photographs}", "report.baselines=[]", "callbacks.progress=null"]
    ended = torchrun("train", "-m", *POINT, *small, "data.crop=64,100,128", "trainer=ddp_cpu", "name=three")
    assert ended.returncode and "multiples of 16" in ended.stdout, ended.stderr[-2000:]
    assert len(list(tmp_path.glob("runs/three/*/config.yaml"))) == 3, "one folder a point"
    assert len(list(tmp_path.glob("runs/three/*/result.json"))) == 2
    assert ended.stdout.count("M parameters") == 2, "only the first rank speaks"


def test_ranks_that_were_started_for_another_trainer_are_one_sentence(
    lic: Lic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from common.engine import application
    from common.engine.session import current

    class Two:
        size, rank = 2, 0

        def tell(self, folder: Path | None) -> None:
            assert folder is None, "nothing is to be trained"

    monkeypatch.setattr(application, "ranks", Two)
    assert lic("train", *POINT) == 2
    (failure,) = tmp_path.glob("runs/*/*/failed.json")
    assert "2 ranks were started, and the trainer wants 1" in failure.read_text()
    assert lic("eval", "run=x") == 2
    with pytest.raises(LookupError):  # nothing of a command is left behind
        current()


def test_a_process_alone_is_no_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is one in an allocation of several tasks that srun has not started, nor the only one of torchrun's."""
    monkeypatch.setenv("SLURM_NTASKS", "2")
    assert ranks() is None
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert ranks() is None


def test_what_srun_says_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {
        "SLURM_STEP_NUM_TASKS": "4", "SLURM_NTASKS": "4", "SLURM_PROCID": "3", "SLURM_LOCALID": "1",
        "SLURM_JOB_NUM_NODES": "2", "SLURM_JOB_ID": "77", "SLURM_JOB_NODELIST": "gpu[7-8]",
    }  # fmt: skip
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT",
                 "TORCHELASTIC_RUN_ID", "SUBMITIT_EXECUTOR"):  # fmt: skip
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    found = ranks()
    assert found is not None and (found.rank, found.size) == (3, 4)
    assert (os.environ["MASTER_ADDR"], os.environ["LOCAL_RANK"]) == ("gpu7", "1")
