"""`kill -9` in the middle of a sweep, and the same command again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

Lic = Callable[..., int]
SWEEP = [
    "-m", "model=image/swift", "size=tiny", "lmbda=0.013,0.03", "trainer.max_steps=40", "trainer.val_check_interval=2",
    "data.crop=64", "data.batch_size=2", "data.num_workers=0", "trainer.enable_progress_bar=false",
    "callbacks.progress=null", "report.baselines=[]",
]  # fmt: skip


def wait_for(condition: Callable[[], bool], process: subprocess.Popen, seconds: float = 500) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, f"the sweep ended by itself: {process.returncode}"
        assert time.monotonic() < end, "the sweep did not get that far"
        time.sleep(0.02)


def test_a_killed_sweep_goes_on_where_it_was(lic: Lic, tmp_path: Path, photographs: Path) -> None:
    command = ["train", *SWEEP, f"data.test={photographs}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "common.cli", *command, "runs=killed"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1"},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    second = tmp_path / "killed/train"
    try:
        wait_for(lambda: len(list(second.glob("*/checkpoints/last.ckpt"))) == 2, process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    finished = list(second.glob("*/result.json"))
    assert len(finished) == 1, "killed in the middle of the second point"
    written = finished[0].stat().st_mtime_ns
    from common.cli import main

    assert main([*command, "runs=killed"]) == 0
    assert finished[0].stat().st_mtime_ns == written, "the finished point was left alone"
    assert main([*command, "runs=undisturbed"]) == 0
    for whole in sorted((tmp_path / "undisturbed/train").glob("*/result.json")):
        again = tmp_path / "killed/train" / whole.parent.name / "result.json"
        assert json.loads(again.read_text()) == json.loads(whole.read_text())
