"""Each option of the groups that one image codec alone has: it is what is built, and all of it learns in a step."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from lightning import Trainer
from omegaconf import DictConfig
from support import compose, options
from torch.utils.data import DataLoader

PRES = {"super_resolution": ["downscale", "compact"], "colourise": ["luma"], "inpaint": ["holes"]}
CHOICES = [
    *(f"image/progressive cell={cell}" for cell in options("cell")),
    *(f"image/progressive reconstruction={kind}" for kind in options("reconstruction")),
    *(f"image/intra prediction={network}" for network in options("prediction")),
    *(f"image/near_lossless base={base}" for base in options("base")),
    *(f"image/enveloped pre={pre} post={post}" for post in options("post") for pre in PRES.get(post, ["none"])),
]


@pytest.mark.filterwarnings("ignore")  # Lightning's advice
@pytest.mark.parametrize("choice", CHOICES)
def test_a_training_step_of_every_part(choice: str) -> None:
    model, *chosen = choice.split()
    inner = ["inner=mean_hyperprior"] if "post=none" in chosen else []  # else nothing learns
    cfg = compose(f"model={model}", *chosen, *inner, "size=tiny")
    torch.manual_seed(0)
    module: Any = instantiate(cfg.model, _convert_="object")
    built = {type(part).__name__ for part in module.codec.modules()}
    for group in (each.partition("=")[0] for each in chosen):
        assert built >= set(classes(cfg[group]))
    if "progressive" in model:
        kind = cfg.reconstruction.kind
        assert (module.codec.one_shot, module.codec.gain is not None) == (kind == "one_shot", kind == "scaled")

    learns = {name: p for name, p in module.codec.named_parameters() if p.requires_grad}
    with torch.no_grad():  # layers that start at zero pass no gradient on
        for name, p in learns.items():
            if "quantiles" not in name:
                p.add_(0.01 * torch.randn_like(p))
    before = {name: p.detach().clone() for name, p in learns.items()}
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    Trainer(max_steps=1, accelerator="cpu", **quiet).fit(module, DataLoader([{"image": each} for each in x], 2))
    assert all(p.isfinite().all() for p in learns.values())
    still = {name for name, p in learns.items() if p.equal(before[name])}
    assert still <= {"h_s.0.weight", "base.h_s.0.weight"}  # of z, which still is zero


def classes(part: DictConfig) -> Iterator[str]:
    """Names of the classes that a configuration asks for."""
    for key, value in part.items():
        if isinstance(value, DictConfig):
            yield from classes(value)
        elif key == "_target_":
            yield value.rpartition(".")[2]
