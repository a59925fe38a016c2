"""A sweep on a real SLURM of one node: requeued, killed, retried; and what needs no cluster to go wrong."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common.cli.sweep import main as lic_sweep
from common.sweep import slurm
from common.sweep.point_states import points, state

Lic = Callable[..., int]
ROOT = Path(__file__).parents[3]
POINT = [
    "model=image/factorized", "trainer=ddp_cpu", "trainer.max_steps=80", "trainer.val_check_interval=10",
    "data.batch_size=4", "threads=1",
]  # fmt: skip


def patiently(holds: Callable[[], object], seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    if not shutil.which("slurmctld", path=f"{os.environ['PATH']}:/usr/sbin"):
        pytest.skip("SLURM is not installed: tools/one_node_slurm install")
    folder = tmp_path_factory.mktemp("slurm")
    started = subprocess.run([ROOT / "tools/one_node_slurm", "start", folder], capture_output=True, text=True)
    if started.returncode:
        pytest.skip(f"SLURM does not start on this machine: {started.stderr}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        patch.setenv("PYTHONPATH", str(ROOT))
        yield
    subprocess.run([ROOT / "tools/one_node_slurm", "stop", folder], check=True)
    patiently(lambda: not any(str(folder) in line for line in processes().values()), 300)


def processes() -> dict[int, str]:
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            found[int(entry.name)] = (entry / "cmdline").read_bytes().decode().replace("\0", " ")
        except OSError:
            continue
    return found


def ranks(sweep: Path) -> list[int]:
    """The processes of SLURM's tasks for the sweep: not srun's, nor the shell's."""
    return sorted(pid for pid, line in processes().items() if "submitit.core._submit" in line and "srun" not in line
                  and "slurm_script" not in line and str(sweep) in line)  # fmt: skip


@pytest.mark.timeout(2400)  # nine processes, one after the other
def test_a_sweep_survives_a_requeue_and_a_killed_rank(
    cluster: None, lic: Lic, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["hydra/launcher=slurm", "hydra.launcher.cpus_per_task=1", "hydra.launcher.wait=false", "logger=wandb"]
    assert lic("train", "-m", *POINT, "lmbda=0.01,0.02,0.04", "name=far", *where) == 0
    sweep = tmp_path / "runs/far"
    runs = {folder.config().lmbda: folder for folder in points(sweep)}
    assert sorted(runs) == [0.01, 0.02, 0.04]
    jobs = {lmbda: json.loads(folder.job.read_text())["job"] for lmbda, folder in runs.items()}
    assert len({job.partition("_")[0] for job in jobs.values()}) == 1, "one array job"

    assert lic("train", "-m", *POINT, "lmbda=0.01,0.02,0.04", "name=far", *where) == 0
    assert jobs == {lmbda: json.loads(folder.job.read_text())["job"] for lmbda, folder in runs.items()}, "not again"

    patiently(runs[0.01].checkpoint.exists)
    assert state(runs[0.01], slurm.queue()).kind == "running"
    assert state(runs[0.04], slurm.queue()).kind == "pending"
    for rank in ranks(sweep):
        os.kill(rank, signal.SIGUSR2)  # as SLURM does before the time limit
    patiently(lambda: slurm.queue()[jobs[0.01]].state == "PENDING")
    saved = runs[0.01].checkpoint.stat().st_mtime
    assert not runs[0.01].result.exists() and not runs[0.01].failure.exists()

    patiently(runs[0.02].checkpoint.exists)
    assert len(ranks(sweep)) == 2
    os.kill(ranks(sweep)[1], signal.SIGKILL)
    patiently(lambda: jobs[0.02] not in slurm.queue(), 300)  # a rank that waits for a dead one does so for 30 minutes
    subprocess.run(["scontrol", "update", f"JobId={jobs[0.01]}", "StartTime=now"], check=True)  # SLURM waits 2 minutes
    patiently(lambda: runs[0.01].result.exists() and runs[0.04].result.exists())
    assert saved < runs[0.01].result.stat().st_mtime
    capsys.readouterr()
    assert lic_sweep(["status", str(sweep)]) == 1
    said = capsys.readouterr().out
    assert "2 finished, 1 failed" in said and "another process" in " ".join(said.split())

    assert lic_sweep(["retry", str(sweep)]) == 0
    patiently(runs[0.02].result.exists)
    patiently(lambda: not slurm.queue())
    assert lic_sweep(["status", str(sweep)]) == 0
    ids = [{path.name.rpartition("-")[2] for path in run.path.glob("wandb/offline-run-*")} for run in runs.values()]
    assert all(len(one) == 1 for one in ids) and len(set.union(*ids)) == 3, "one W&B run a point"

    assert lic("train", "-m", *POINT, "lmbda=0.01", "name=near") == 0
    (near,) = (tmp_path / "runs/near").glob("*/result.json")
    a, b = (json.loads(file.read_text())["results"] for file in (runs[0.01].result, near))
    assert a == b, "a requeued run on the cluster gives what an undisturbed one gives here"


def test_ranks_on_two_nodes_train_together(cluster: None, lic: Lic, tmp_path: Path) -> None:
    where = ["hydra/launcher=slurm", "hydra.launcher.partition=two", "hydra.launcher.cpus_per_task=1"]
    point = [*POINT, "trainer.max_steps=20", "lmbda=0.01", "report.enabled=false"]
    assert lic("train", "-m", *point, "trainer.num_nodes=2", "trainer.devices=1", "name=far", *where) == 0
    logs = [file.read_text() for file in sorted(tmp_path.glob("runs/far/.slurm/*_log.out"))]
    assert ["node=0(2)" in logs[0], "node=1(2)" in logs[1]] == [True, True] and len(logs) == 2
    assert lic("train", *point, "trainer.devices=2", "name=near") == 0
    far, near = (json.loads(file.read_text()) for file in sorted(tmp_path.glob("runs/*/*/result.json")))
    assert far["results"] == near["results"]


@pytest.fixture
def pretended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cluster that only takes note: arrays of two points, and what `sbatch` refuses is written to `refuses`."""
    place = tmp_path / "cluster"
    place.mkdir()
    programs = {
        "srun": "exit 1", "squeue": "exit 0", "scontrol": "echo 'MaxArraySize            = 2'",
        "sbatch": f"""[ ! -s {place}/refuses ] || {{ cat {place}/refuses >&2; exit 1; }}
n=$(ls {place} | grep -c submitted); cp "$1" {place}/submitted$n; echo "Submitted batch job $n" """,
    }  # fmt: skip
    for name, text in programs.items():
        (place / name).write_text(f"#!/bin/sh\n{text}\n")
        (place / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    return place


FAR = [*POINT, "name=far", "hydra/launcher=slurm", "hydra.launcher.wait=false", "lmbda=1,2,4"]


def arrays(place: Path) -> list[str]:
    lines = [line for file in sorted(place.glob("submitted*")) for line in file.read_text().splitlines()]
    return [line.partition("=")[2] for line in lines if line.startswith("#SBATCH --array")]


def test_more_points_than_an_array_may_have_are_several(lic: Lic, tmp_path: Path, pretended: Path) -> None:
    assert lic("train", "-m", *FAR, "hydra.launcher.array_parallelism=3", "hydra.launcher.setup=module load cuda") == 0
    assert arrays(pretended) == ["0-1%2"] and len(list(pretended.glob("submitted*"))) == 2
    assert "\nmodule load cuda\n" in (pretended / "submitted0").read_text(), "one line is a list of one"
    jobs = {json.loads(file.read_text())["job"] for file in tmp_path.glob("runs/far/*/slurm.json")}
    assert jobs == {"0_0", "0_1", "1"}


def test_what_was_refused_is_retried_on_the_cluster(
    lic: Lic, tmp_path: Path, pretended: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("common.engine.fit.finish_run", lambda folder, *_: pytest.fail("trained here"))
    (pretended / "refuses").write_text("sbatch: error: Batch job submission failed: Invalid account\n")
    assert lic("train", "-m", *FAR) == 2
    assert "SLURM takes no such job" in capsys.readouterr().out
    sweep = tmp_path / "runs/far"
    assert lic_sweep(["status", str(sweep)]) == 0
    said = capsys.readouterr().out
    assert "not submitted" in said and "3 stopped" in said
    (pretended / "refuses").unlink()
    one = points(sweep)[0]
    assert lic_sweep(["retry", str(one.path)]) == 0 and one.job.exists(), "one run is its cluster's, too"
    assert len(list(pretended.glob("submitted*"))) == 1
    one.result.write_text('{"results": {"bpp": [1.0]}}')
    assert lic_sweep(["retry", str(sweep)]) == 0 and arrays(pretended) == ["0-1%2"]


def test_a_limit_of_the_cluster_is_said_and_what_is_submitted_stays(
    lic: Lic, tmp_path: Path, pretended: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    submitted, submit = [], slurm._submit

    def once(*given: object) -> list[str]:
        if submitted:
            (pretended / "refuses").write_text("sbatch: error: AssocMaxSubmitJobLimit\n")
        submitted.append(given)
        return submit(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(slurm, "_submit", once)
    assert lic("train", "-m", *FAR) == 2
    said = " ".join(capsys.readouterr().out.split())
    assert "2 of 3 points are submitted. SLURM takes no more jobs of yours for now" in said
    assert "lic sweep retry" in said
    jobs = sorted(json.loads(file.read_text())["job"] for file in tmp_path.glob("runs/far/*/slurm.json"))
    assert jobs == ["", "0_0", "0_1"]


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("time=24:00:00", "hydra.launcher.time is '24:00:00', which must be a whole number of minutes"),
        ("cpus_per_task=true", "hydra.launcher.cpus_per_task is True"),
        ("mem=64", "hydra.launcher.mem is 64, which must be a number with its unit"),
        ("setup={a:1}", "which must be a line of shell or a list of such"),
        ("additional_parameters=x", "options of sbatch"),
        ("requeue=maybe", "which must be true or false"),
    ],
)
def test_a_mistyped_setting_is_named_before_anything_is_written(
    setting: str, sentence: str, lic: Lic, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lic("train", "-m", *FAR, f"hydra.launcher.{setting}") == 2
    assert sentence in " ".join(capsys.readouterr().err.split()) and not list(tmp_path.glob("runs/far/lmbda*"))


def test_no_cluster_is_one_sentence(
    lic: Lic, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert lic("train", "-m", *POINT, "lmbda=0.01", "hydra/launcher=slurm") == 2
    assert "there is no SLURM here" in capsys.readouterr().out


def test_how_many_devices_must_be_said(lic: Lic, pretended: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lic("train", "-m", *POINT[:1], "trainer=ddp", "hydra/launcher=slurm") == 2
    assert "say how many a node has" in capsys.readouterr().out
