"""A sweep on a SLURM cluster, through submitit: one array job; SLURM starts the ranks of each point.

Every point's folder and configuration are written before anything is submitted, and a job does what its folder says:
later changes of conf/ do not affect it. A sweep of more points than an array may have is several array jobs. On a
signal the job saves a checkpoint and is requeued (`common.distributed.preempt`); later it goes on from there.
"""

import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig

from common.engine.outcome import attempt, failing_into
from common.errors import LicError
from common.io import read_json, write_json
from common.run.folder import RunFolder

log = logging.getLogger(__name__)

LOGS = ".slurm"  # in a sweep's folder: what submitit writes, the jobs' output among it
SETTINGS = "settings.json"  # there: the launcher's, by which `lic sweep retry` submits
TIME_IS_UP = signal.SIGUSR2  # submitit has SLURM send it `signal_delay_s` before the end
REQUEUED_LOCK_TIMEOUT = 120.0  # seconds that a job of before may still hold its folder


@dataclass(frozen=True)
class Job:
    """One rank of the run in `folder`, inside a SLURM job. Called once by each of its processes."""

    folder: str

    def __call__(self) -> None:
        from common.distributed.external_ranks import as_torchrun
        from common.distributed.preempt import Preempted, Request
        from common.run import resolvers
        from common.warning_filters import quiet

        sys.path.insert(0, os.getcwd())  # as the `lic` command does
        as_torchrun()
        first = os.environ["RANK"] == "0"
        logging.basicConfig(level=logging.INFO if first else logging.WARNING, format="%(message)s", force=True)
        quiet()
        resolvers.register()
        request = Request()
        request.listen((signal.SIGTERM, TIME_IS_UP))
        try:
            self.work(first, request)
        except Preempted as stopped:
            log.info("stopped: %s", stopped)
            if first and request.received == TIME_IS_UP:  # else SLURM itself decides what becomes of the job
                ended = subprocess.run(["scontrol", "requeue", os.environ["SLURM_JOB_ID"]], capture_output=True)
                if ended.returncode:
                    RunFolder(self.folder).fail("its time was up and it may not come back by itself: retry goes on.")

    def work(self, first: bool, request: Any) -> None:
        from common.distributed.ddp import RankFailed, lost_peer
        from common.engine.fit import fit_and_evaluate

        folder = RunFolder(self.folder)
        if folder.result.exists():
            return
        with attempt(folder, REQUEUED_LOCK_TIMEOUT) if first else failing_into(folder):
            try:
                fit_and_evaluate(folder, request)
            except RuntimeError as error:
                if not lost_peer(error):
                    raise
                raise RankFailed("another process of this run died, and this one lost its connection to it.") from error


class Resources(NamedTuple):
    """What a point needs: equal ones share an array job."""

    nodes: int
    ranks: int  # of each node
    gpus: int  # of each node

    def __str__(self) -> str:
        gpus = f" and {self.gpus} GPUs" if self.gpus else ""
        return f"{self.ranks} ranks{gpus} on {f'each of {self.nodes} nodes' if self.nodes > 1 else 'one node'}"


def resources(cfg: DictConfig) -> Resources:
    """What the run that `cfg` describes needs, from its trainer."""
    trainer = cfg.trainer
    devices = trainer.devices
    if not isinstance(devices, int) or devices < 1:
        raise LicError(
            f"trainer.devices is {devices}; say how many a node has, as where the job runs is not known yet."
        )
    return Resources(trainer.num_nodes, devices, devices if trainer.accelerator in ("gpu", "cuda") else 0)


def intend(folders: Sequence[RunFolder], sweep: Path, settings: Mapping[str, Any]) -> None:
    """Note that the runs in `folders` are the cluster's, before it is known whether it takes them: for `lic sweep`."""
    write_json(sweep / LOGS / SETTINGS, dict(settings))
    for folder in folders:
        if not folder.job.exists():
            write_json(folder.job, {"job": "", "log": ""})


def submit(folders: Sequence[RunFolder], sweep: Path, settings: Mapping[str, Any]) -> None:
    """Submit the runs in `folders`, those that need the same as one array job; each learns its job's id.

    Args:
        sweep: the folder of the sweep, which all nodes see.
        settings: of the launcher, see conf/hydra/launcher/slurm.yaml.

    Raises:
        LicError: SLURM takes them, or the rest of them, not now or not at all.
    """
    intend(folders, sweep, settings)
    groups: dict[Resources, list[RunFolder]] = {}
    for folder in folders:
        groups.setdefault(resources(folder.config()), []).append(folder)
    most = largest_array()
    parts = [
        (needed, runs[first : first + most]) for needed, runs in groups.items() for first in range(0, len(runs), most)
    ]
    done = 0
    for needed, runs in parts:
        at_once = max(1, settings["array_parallelism"] * len(runs) // len(folders))  # of all parts as many as was said
        try:
            jobs = _submit(needed, runs, sweep, {**settings, "array_parallelism": at_once})
        except LicError as error:
            if not done:
                raise
            raise LicError(
                f"{done} of {len(folders)} points are submitted. {error} "
                f"Submit the others later with: lic sweep retry {sweep}"
            ) from error
        done += len(runs)
        log.info("Submitted %d points as job %s, %s", len(runs), jobs[0].partition("_")[0], needed)


def _submit(needed: Resources, runs: Sequence[RunFolder], sweep: Path, settings: Mapping[str, Any]) -> list[str]:
    """Submit one array job; its points' ids."""
    import submitit

    given = {key: value for key, value in settings.items() if value is not None}
    requeue = {"requeue": True} if given.pop("requeue") else {"no-requeue": True}
    additional = {**requeue, **given.pop("additional_parameters")}
    try:
        executor = submitit.SlurmExecutor(folder=(sweep / LOGS).resolve())
    except RuntimeError as error:
        raise LicError("there is no SLURM here (no srun): submit from a machine that has it.") from error
    executor.update_parameters(
        **given,
        job_name=sweep.name,
        nodes=needed.nodes,
        ntasks_per_node=needed.ranks,
        gpus_per_node=needed.gpus or None,
        stderr_to_stdout=True,
        srun_args=["--kill-on-bad-exit=1"],  # of ranks that wait for a dead one none would ever end
        additional_parameters=additional,
    )
    try:
        with executor.batch():
            jobs = [executor.submit(Job(str(run.path.resolve()))) for run in runs]
    except submitit.core.utils.FailedJobError as error:
        why = " ".join(str(error).split())
        if "SubmitJob" in why:  # AssocMaxSubmitJobLimit, QOSMaxSubmitJobPerUserLimit, …
            raise LicError(f"SLURM takes no more jobs of yours for now: {why}") from error
        raise LicError(f"SLURM takes no such job: {why}") from error
    for run, job in zip(runs, jobs):
        write_json(run.job, {"job": job.job_id, "log": str(job.paths.stdout)})
        run.failure.unlink(missing_ok=True)
    return [job.job_id for job in jobs]


def largest_array() -> int:
    """How many points an array job may have here; without limit where SLURM does not say."""
    try:
        said = subprocess.run(["scontrol", "show", "config"], capture_output=True, text=True, timeout=60).stdout
    except (FileNotFoundError, subprocess.TimeoutExpired):
        said = ""
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", said, re.MULTILINE)
    return max(1, int(found[1])) if found else sys.maxsize


class Queued(NamedTuple):
    """What SLURM says of a job: its state (PENDING, RUNNING, …) and, where it waits, why."""

    state: str
    reason: str


def queue() -> dict[str, Queued]:
    """This user's jobs that SLURM has not ended, by id; empty where there is no SLURM."""
    command = ["squeue", "--me", "--array", "--noheader", "--format=%i|%T|%r"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        return {}
    if said.returncode:
        raise LicError(f"SLURM does not answer: {said.stderr.strip()}")
    lines = (line.split("|", 2) for line in said.stdout.splitlines())
    return {job: Queued(state, reason) for job, state, reason in lines}


def job_of(folder: RunFolder) -> dict[str, str] | None:
    """`job` and `log` of the SLURM job that works, or worked, on the run in `folder`; "" where it was not submitted."""
    return read_json(folder.job) if folder.job.exists() else None
