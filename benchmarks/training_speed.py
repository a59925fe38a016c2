"""Images, pairs or P frames a second of a training step, on a GPU: `python -m benchmarks.training_speed MODEL …`.

Each MODEL is an option of conf/model, image/tinylic or flow/deeppynet; `--size base` is as published. A step is the
forward pass, the backward pass, clipping and the optimiser's step, on random pictures that lie on the device, in bf16
where the network allows it (autocast), as `trainer=gpu` trains. Of video it is a step that trains all parts but the
intra codec, which codes the reference. Medians of `--steps` steps after as many to warm up; with `--device cpu` in
processor time, of float32.
"""

import argparse
import json
import statistics
import time
from typing import Any

import torch
from rich.console import Console
from rich.table import Table


def trained(model: str, size: str, device: str) -> Any:
    """The training module of `conf/model/MODEL.yaml` with its codec, and its main optimiser."""
    from hydra import compose, initialize_config_module
    from hydra.utils import instantiate

    from common.run import resolvers

    resolvers.register()
    with initialize_config_module("conf", version_base="1.3"):
        cfg = compose("train", overrides=[f"model={model}", f"size={size}", "lmbda=0.013"], return_hydra_config=True)
    cfg.hydra.job.num, cfg.hydra.job.id, cfg.hydra.runtime.output_dir = 0, "0", "."
    module = instantiate(cfg.model, _convert_="object").to(device).train()
    known = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    return module, torch.optim.Adam([p for name, p in known if not name.endswith(".quantiles")], lr=1e-4)


def pictures(arguments: argparse.Namespace) -> torch.Tensor:
    return torch.rand(arguments.batch, 3, arguments.crop, arguments.crop, device=arguments.device)


def image_loss(module: Any, x: torch.Tensor) -> torch.Tensor:
    loss: torch.Tensor = module.losses({"image": x})["loss"]
    return loss


def flow_loss(module: Any, x: torch.Tensor) -> torch.Tensor:
    from lic_flow.module import sequence_loss

    flow = torch.zeros_like(x[:, :2])
    return sequence_loss(module(x, x.flip(0)), flow, flow[:, 0] == 0, module.delta)


def video_loss(module: Any, x: torch.Tensor) -> torch.Tensor:
    reference, cost = module.intra(x.flip(0))
    loss: torch.Tensor = cost + module.losses(x, module.codec(x, reference))["loss"]
    return loss


LOSSES = {"image": image_loss, "flow": flow_loss, "video": video_loss}


def step_time(model: str, arguments: argparse.Namespace) -> tuple[float, float, float]:
    """Seconds of a step, peak memory in GiB, parameters in millions."""
    device = arguments.device
    module, optimizer = trained(model, arguments.size, device)
    clock = time.perf_counter if device == "cuda" else time.process_time
    x, loss_of = pictures(arguments), LOSSES[model.partition("/")[0]]
    times = []
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    for _ in range(2 * arguments.steps):
        begin = clock()
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            loss = loss_of(module, x)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(clock() - begin)
    memory = torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else 0.0
    millions = sum(p.numel() for p in module.parameters()) / 1e6
    return statistics.median(times[arguments.steps :]), memory, millions


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training_speed", description=__doc__)
    parser.add_argument("models", nargs="+", help="options of conf/model, as in image/tinylic")
    parser.add_argument("--size", default="base", help="base (default) or tiny")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--crop", type=int, default=256)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    arguments = parser.parse_args()
    what = f"{arguments.batch} crops of {arguments.crop}², size={arguments.size}, on {arguments.device}"
    table = Table(title=f"training, {what}")
    for heading in ("model", "M parameters", "ms a step", "a second", "peak GiB"):
        table.add_column(heading)
    found = {}
    for model in arguments.models:
        seconds, memory, millions = step_time(model, arguments)
        found[model] = round(arguments.batch / seconds, 1)
        table.add_row(model, f"{millions:.1f}", f"{1e3 * seconds:.1f}", str(found[model]), f"{memory:.2f}")
    Console(width=100).print(table)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
