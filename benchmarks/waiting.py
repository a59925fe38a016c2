"""What OpenMP's threads do while they wait: a training step alone, and beside a second training on the same CPUs.

    python -m benchmarks.waiting

GOMP_SPINCOUNT is how often a thread of GNU's OpenMP looks for work before it sleeps. Waking a thread is slow, above all
in a virtual machine; a thread that does not sleep keeps its core from other processes. Each setting is a process of its
own, or two at once, of `--steps` steps of `swift`, on all CPUs. Printed are the median seconds of a step. `lic` sets
`common.cpus.WAITING`. Threads that never sleep (OMP_WAIT_POLICY=active) are not among the settings: two such processes
did not end within ten minutes.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time

from common.cpus import WAITING

SETTINGS: dict[str, dict[str, str]] = {
    "sleeps at once": {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"},
    **{f"spins {count} times": {"GOMP_SPINCOUNT": str(count)} for count in (100, 1000, 10_000, 30_000)},
    "one thread": {"OMP_NUM_THREADS": "1"},
    "lic": WAITING,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.waiting", description=__doc__)
    parser.add_argument("--model", default="image/swift", help="an option of conf/model, size=tiny")
    parser.add_argument("--crop", type=int, default=192)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(step_seconds(options))
        return
    print(f"seconds of a training step, {options.model}, {os.cpu_count()} CPUs: alone, and two at once, each")
    for name, environment in SETTINGS.items():
        alone, beside = (statistics.mean(children(environment, count)) for count in (1, 2))
        print(f"{name:18} {alone:7.3f} {beside:7.3f}", flush=True)


def children(environment: dict[str, str], count: int) -> list[float]:
    """Median seconds of a step of each of `count` processes that train at the same time."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_", "KMP_"))}
    command = [sys.executable, "-m", "benchmarks.waiting", "--one", *sys.argv[1:]]
    running = [
        subprocess.Popen(command, env=clean | environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for _ in range(count)
    ]
    return [float(child.communicate()[0]) for child in running]


def step_seconds(options: argparse.Namespace) -> float:
    import torch

    from benchmarks.training_speed import image_loss, trained

    module, optimizer = trained(options.model, "tiny", "cpu")
    x = torch.rand(options.batch, 3, options.crop, options.crop)
    times = []
    for _ in range(options.steps + 3):
        begin = time.perf_counter()
        image_loss(module, x).backward()
        optimizer.step()
        optimizer.zero_grad()
        times.append(time.perf_counter() - begin)
    return statistics.median(times[3:])


if __name__ == "__main__":
    main()
