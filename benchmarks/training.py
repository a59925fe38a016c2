"""A training step of ours beside a plain loop around CompressAI's own model, on the CPU: one run, interleaved, medians.

python -m benchmarks.training [FOLDER] [--architecture mbt2018-mean] [--size 128] [--batch 4] [--threads 1] [--steps 12]

Photographs: those in FOLDER, or 60 procedural JPEG files of 512x768. Ours is what `lic train` runs: `ImageCodec` under
Lightning's trainer, with our data module, checks, clipping, schedule and logging. The plain loop is that of
CompressAI's own example: its model, its ImageFolder with RandomCrop, its two optimisers, clipping, nothing else. The
architecture and the starting weights are the same. Neither uses loader processes. `loop` is everything, `step` the same
batch given to both, `data` the next batch alone, after one pass through the photographs, which ours keeps decoded in
memory as long as they fit. Seconds are processor time of all threads.

--profile prints where the time of a step of ours goes.
"""

import argparse
import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import lightning
import torch
from compressai.datasets import ImageFolder
from compressai.losses import RateDistortionLoss
from compressai.optimizers import net_aux_optimizer
from compressai.zoo import image_models
from lightning.pytorch.callbacks import Callback
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.transforms import Compose, RandomCrop, ToTensor

from benchmarks.data import generated
from benchmarks.timing import interleaved_medians
from common.schedules import steps as decay
from common.tracking.csv_logger import ResumableCSVLogger
from lic_image.codecs.hyperprior import Hyperprior
from lic_image.codecs.mean_hyperprior import MeanHyperprior
from lic_image.data import Photographs
from lic_image.module import ImageCodec

OURS = {"mbt2018-mean": MeanHyperprior, "bmshj2018-hyperprior": Hyperprior}
LMBDA, QUALITY, WARM = 0.013, 4, 3


class PlainLoop:
    """CompressAI's example of training, step by step."""

    def __init__(self, net: Any, batches: Iterator[Tensor]) -> None:
        self.net, self.batches = net.train(), batches
        rates = {"net": {"type": "Adam", "lr": 1e-4}, "aux": {"type": "Adam", "lr": 1e-3}}
        self.optimizers = net_aux_optimizer(net, rates)
        self.criterion = RateDistortionLoss(lmbda=LMBDA)

    def step(self, x: Tensor) -> None:
        main, aux = self.optimizers["net"], self.optimizers["aux"]
        main.zero_grad()
        aux.zero_grad()
        self.criterion(self.net(x), x)["loss"].backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        main.step()
        self.net.aux_loss().backward()
        aux.step()

    def __call__(self) -> None:
        self.step(next(self.batches))


def endless(folder: Path, size: int, batch: int) -> Iterator[Tensor]:
    """Batches as CompressAI's example makes them."""
    data = ImageFolder(str(folder.parent), split=folder.name, transform=Compose([RandomCrop(size), ToTensor()]))
    while True:
        yield from DataLoader(data, batch_size=batch, shuffle=True, drop_last=True)


class Beside(Callback):
    """Runs `other` after every step of the trainer, and times both by `clock`: the trainer between its calls."""

    def __init__(self, other: Callable[[], None]) -> None:
        self.other = other
        self.ours: list[float] = []
        self.theirs: list[float] = []
        self.begin = 0.0

    def on_train_batch_end(self, *_: Any, **__: Any) -> None:
        end = time.process_time()
        self.ours.append(end - self.begin)
        self.other()
        self.begin = time.process_time()
        self.theirs.append(self.begin - end)


def our_trainer(steps: int, folder: Path, *callbacks: Callback) -> lightning.Trainer:
    """With the settings of conf/trainer/cpu.yaml."""
    return lightning.Trainer(
        accelerator="cpu",
        max_steps=steps,
        max_epochs=-1,
        gradient_clip_val=1.0,
        log_every_n_steps=20,
        limit_val_batches=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        use_distributed_sampler=False,
        logger=ResumableCSVLogger(folder),
        callbacks=list(callbacks),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", help="of photographs")
    parser.add_argument("--architecture", choices=sorted(OURS), default="mbt2018-mean")
    parser.add_argument("--size", type=int, default=128, help="side of a crop")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=12, help="that are timed")
    parser.add_argument("--channels-last", action="store_true", help="model.channels_last=true")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as temporary:
        measure(options, options.folder or generated(Path(temporary), 60), Path(temporary))


def measure(options: argparse.Namespace, folder: Path, temporary: Path) -> None:
    torch.manual_seed(0)
    peer = image_models[options.architecture](quality=QUALITY, metric="mse", pretrained=False)
    codec = OURS[options.architecture](peer.N, peer.M)
    codec.load_state_dict(peer.state_dict())
    adam = partial(torch.optim.Adam, lr=1e-4)
    schedule = partial(decay, fractions=[0.85, 0.1, 0.05], factors=[1, 0.1, 0.01])
    module = ImageCodec(codec, LMBDA, "mse", adam, schedule, channels_last=options.channels_last)
    data = Photographs([str(folder)], None, "t", crop=options.size, batch_size=options.batch, val_limit=0)
    plain = PlainLoop(peer, endless(folder, options.size, options.batch))

    data.setup("fit")
    for n in range(len(data.train_set.photographs)):  # type: ignore[attr-defined]
        data.train_set[n]
    beside = Beside(plain)
    trainer = our_trainer(options.steps + WARM, temporary, beside)
    trainer.fit(module, data)
    seconds = {"loop": (statistics.median(beside.ours[WARM:]), statistics.median(beside.theirs[WARM:]))}

    x = torch.rand(options.batch, 3, options.size, options.size)
    optimizer = module.optimizers(use_pl_optimizer=False)
    assert isinstance(optimizer, torch.optim.Optimizer)

    def step() -> None:
        optimizer.zero_grad()
        terms = module.losses({"image": x})
        module.checked(terms["loss"] + codec.aux_loss()).backward()
        module.configure_gradient_clipping(optimizer, 1.0)
        optimizer.step()

    batches = iter(data.train_dataloader())

    def load() -> None:
        data.on_after_batch_transfer(data.on_before_batch_transfer(next(batches), 0), 0)

    for name, ours, theirs in (
        ("step", step, lambda: plain.step(x)),
        ("data", load, lambda: next(plain.batches)),
    ):
        ours_, theirs_ = interleaved_medians(ours, theirs, rounds=options.steps, clock=time.process_time)
        seconds[name] = (ours_, theirs_)
    if options.profile:
        with torch.profiler.profile() as profile:
            step()
        print(profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=20, max_name_column_width=40))

    table = Table("", "ours, s", f"CompressAI {options.architecture}, s", "theirs / ours")
    ratios = {}
    for name, (ours_, theirs_) in seconds.items():
        ratios[f"{name}_ratio"] = round(theirs_ / ours_, 3)
        table.add_row(name, f"{ours_:.3f}", f"{theirs_:.3f}", f"{theirs_ / ours_:.2f}")
    Console().print(f"{options.batch} crops of {options.size}², {options.threads} thread(s)", table)
    print(json.dumps(ratios))


if __name__ == "__main__":
    main()
