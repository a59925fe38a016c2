"""Protocol `flow`: whole pairs, at their own size, every test set apart.

Figures are over all known pixels of a set (`common.metrics.flow`); beside the EPE stands that of no motion at all, and
what needs no ground truth: the mean difference (8-bit levels) of the first picture from the second as it is
(`still_error`) and warped back by the estimate (`warp_error`), a mean over pairs. A set without ground truth is
estimated for its benchmark server: its flow goes to `submission/` in the server's own layout.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor, nn

from common.data.image_io import write_picture
from common.io import write_csv
from common.layers.warp import warp
from common.metrics.complexity import gmacs
from common.metrics.flow import FlowMetrics
from common.metrics.own import Given, checked, described, means
from common.results.points import Evaluation, finite
from lic_flow.data import FirstPairs, FlowData
from lic_flow.inference import estimate
from lic_flow.pictures import sheet

Submit = Callable[[Path, str, NDArray[np.float32]], object]
SIZE = (1, 3, 448, 1024)  # what GMACs are counted for: Sintel's frames, padded as networks need them


class FlowProtocol:
    """Evaluates a flow network on the test sets of a DataModule.

    Args:
        name: what results of this protocol are marked with; tables never mix two.
        pictures: of each set, so many pairs are drawn into `flow/` of the run folder.
        submissions: name of a set without ground truth -> (folder, pair's name, flow (2, H, W)) writes what its
            server takes, see `lic_flow.submission`.
        metrics: measures beside those of `common.metrics.flow`, by name: means over the pairs of a set.
    """

    def __init__(
        self,
        submissions: Mapping[str, Submit],
        name: str = "flow",
        pictures: int = 4,
        metrics: Given = None,
    ) -> None:
        self.submissions = submissions
        self.name = name
        self.pictures = pictures
        self.metrics = checked(metrics)

    def __call__(self, network: nn.Module, system: str, data: FlowData, out: Path) -> Evaluation:
        """Every figure of every set as `SET/FIGURE`, and a record for each pair."""
        network.eval()
        results: dict[str, float | None] = {}
        records: list[dict[str, Any]] = []
        seconds: list[float] = []
        for name, pairs in data.test_sets().items():
            metrics, zero, differences = alone(), alone(), []
            for n in track(range(len(pairs)), description=f"estimating {len(pairs)} pairs of {name}"):
                sample = pairs[n]
                started = time.perf_counter()
                flow_hat = predict(network, sample)
                seconds.append(time.perf_counter() - started)
                differences.append(photometric(sample, flow_hat))
                if pairs.has_flow:
                    mine, none = measure(sample, {metrics: flow_hat, zero: torch.zeros_like(flow_hat)})
                    errors = {"epe": mine["epe"], "fl_all": mine["fl_all"], "zero_epe": none["epe"], **differences[-1]}
                    truth = [sample[key][None] for key in ("flow", "valid")]
                    own = {key: metric(flow_hat[None], *truth) for key, metric in self.metrics.items()}
                    records.append({"set": name, "pair": pairs.name(n), **errors, **own})
                elif name in self.submissions:
                    server = out / "submission" / name.partition("_")[0]
                    self.submissions[name](server, pairs.name(n), flow_hat.numpy())
                if n < self.pictures:
                    draw(out / "flow", name, pairs, n, sample, flow_hat)
            if pairs.has_flow:
                figures = {**metrics.compute(), "zero_epe": zero.compute()["epe"]}
                results |= {f"{name}/{key}": finite(value.item()) for key, value in figures.items()}
                own = means(self.metrics, [record for record in records if record["set"] == name])
                results |= {f"{name}/{key}": value for key, value in own.items()}
            results |= {f"{name}/{key}": float(np.mean([d[key] for d in differences])) for key in differences[0]}
        if records:
            write_csv(out / "pairs.csv", records)
        details = {**described(self.metrics), "gmacs": multiply_accumulates(network), "pairs": records}
        return Evaluation([results], details, {"pair_time": float(np.mean(seconds))})


def alone() -> FlowMetrics:
    """Figures of this process: only the first rank evaluates, and no other waits for it."""
    return FlowMetrics(sync_on_compute=False)


def measure(sample: dict[str, Tensor], estimates: Mapping[FlowMetrics, Tensor]) -> list[dict[str, float | None]]:
    """Add estimates (2, H, W) of a sample to their sets' figures; returns each one's own."""
    flow, valid = (sample[key][None] for key in ("flow", "valid"))
    occluded = sample["occluded"][None] if "occluded" in sample else None
    found = []
    for metrics, flow_hat in estimates.items():
        own = alone()
        for each in (metrics, own):
            each.update(flow_hat[None], flow, valid, occluded)
        found.append({key: finite(value.item()) for key, value in own.compute().items()})
    return found


def photometric(sample: dict[str, Tensor], flow_hat: Tensor) -> dict[str, float]:
    """How far the second picture is from the first, in levels: as it is, and warped back."""
    first, second = (sample[key][None].float() for key in ("first", "second"))
    warped = warp(second, flow_hat[None])
    return {
        "still_error": (first - second).abs().mean().item(),
        "warp_error": (first - warped).abs().mean().item(),
    }


@torch.inference_mode()
def predict(network: nn.Module, sample: dict[str, Tensor]) -> Tensor:
    """The flow (2, H, W) of a sample, on the processor."""
    place = next(network.parameters()).device
    first, second = (sample[key][None].to(place) for key in ("first", "second"))
    return estimate(network, first, second)[0].cpu()


def multiply_accumulates(network: nn.Module) -> float:
    """1e9 multiply-accumulates for a pair of `SIZE`."""
    return gmacs(OnTwo(network), SIZE)


class OnTwo(nn.Module):
    """A network of two pictures as one of one, for counting."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x, x)[-1]


def draw(folder: Path, name: str, pairs: FirstPairs, n: int, sample: dict[str, Tensor], flow_hat: Tensor) -> None:
    """Write the sheet of a pair: both pictures, the flow, the truth and the error where it is known."""
    folder.mkdir(parents=True, exist_ok=True)
    first, second = (sample[key].permute(1, 2, 0).numpy() for key in ("first", "second"))
    flow, valid = (sample[key].numpy() if pairs.has_flow else None for key in ("flow", "valid"))
    title = f"{name} {pairs.name(n)}"
    picture = sheet(first, second, flow_hat.numpy(), flow, valid, title=title)
    write_picture(folder / f"{title.replace(' ', '_').replace('/', '-')}.png", picture)
