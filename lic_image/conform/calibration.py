"""Weights of an untrained codec with which there is something to test.

Random weights give latents near zero: all symbols are 0, and every codec conforms. Here, on one picture,

1. a codec with `start_from` (of ours) starts from it;
2. of g_a and of h_a the last layer that their output grows with is scaled until y and z have standard deviations of
   4 and 2;
3. all parameters behind the latents go some steps down: the Gaussians that are predicted fit y, the densities z, and
   x_hat x.

So scales and means vary from place to place as a trained codec's do, while everything takes seconds.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from compressai.entropy_models import GaussianConditional
from torch import Tensor, nn
from torch.nn import functional as F

from common.capabilities import StartsFromData
from common.entropy.rules import PRESENT, coding_by

TARGETS = {"g_a": 4.0, "h_a": 2.0}  # transform -> standard deviation of what it gives
STEPS, RATE, CROP = 40, 3e-3, 128
LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def calibrate(codec: nn.Module, x: Tensor, seed: int = 0) -> list[str]:
    """Gives `codec` such weights, in place; returns sentences on what was done. `x` is (1, 3, H, W) in [0, 1]."""
    torch.manual_seed(seed)
    with coding_by(PRESENT._replace(exact=False)):
        if isinstance(codec, StartsFromData):
            codec.start_from(x, 0.013)
        codec.train()
        done = [said for name, target in TARGETS.items() if (said := _scale(codec, name, target, x))]
        _descend(codec, _crop(x))
        codec.eval()
    return [*done, f"what predicts and decodes them was trained for {STEPS} steps"]


def _crop(x: Tensor) -> Tensor:
    top, left = ((side - min(side, CROP)) // 2 for side in x.shape[2:])
    return x[..., top : top + CROP, left : left + CROP]


@torch.no_grad()
def _scale(codec: nn.Module, name: str, target: float, x: Tensor) -> str:
    """Scales the last layer of the transform `name` until what it gives has the standard deviation `target`."""
    network = getattr(codec, name, None)
    layers = [m for m in network.modules() if isinstance(m, LAYERS)] if isinstance(network, nn.Module) else []
    if not layers:
        return ""
    found: list[Tensor] = []
    handle = network.register_forward_hook(lambda *call: found.append(call[2].detach()))  # type: ignore[union-attr]

    def spread() -> float:
        found.clear()
        codec(x)
        return _spread(found[-1]) if found else 0.0

    try:
        before = spread()
        if not 0 < before < float("inf"):
            return ""
        for layer in reversed(layers):  # the last may be within a gate, or start at zero
            layer.weight.mul_(2)
            if (present := spread()) > 1.5 * before:
                break
            layer.weight.div_(2)
        else:
            return ""
        for _ in range(6):  # in steps, as what follows the layer need not be linear
            if not 0 < present < float("inf") or 0.9 * target < present < 1.1 * target:
                break
            layer.weight.mul_(min(target / present, 1e3))
            present = spread()
    finally:
        handle.remove()
    return f"what {name} gives has a standard deviation of about {target:g}"


def _spread(latent: Tensor) -> float:
    """The standard deviation from place to place, the root mean square of all channels."""
    return latent.flatten(2).var(2, unbiased=False).mean().sqrt().item()


@contextmanager
def _told(codec: nn.Module) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
    """While open, each y that a model of `codec` got, and its rate under the Gaussian it was told, in nats.

    The rate is that of densities, which have gradients where likelihoods are too small for any.
    """
    latents: list[Tensor] = []
    rates: list[Tensor] = []

    def note(model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        names = ("inputs", "scales", "means", "weights")
        given = dict(zip(names, args)) | {"inputs": kwargs.get("y", args[0] if args else None)} | kwargs
        y, scales, means = given["inputs"], given["scales"], given.get("means")
        if y is None or scales is None or scales.shape[1] % y.shape[1]:
            return
        latents.append(y)
        y = y.detach().repeat(1, scales.shape[1] // y.shape[1], *[1] * (y.ndim - 2))
        scales = model.lower_bound_scale(scales)
        rates.append((scales.log() + 0.5 * ((y - (0 if means is None else means)) / scales).square()).sum())

    models = [m for m in codec.modules() if isinstance(m, GaussianConditional)]
    handles = [m.register_forward_pre_hook(note, with_kwargs=True) for m in models]
    try:
        yield latents, rates
    finally:
        for handle in handles:
            handle.remove()


def _behind_latents(codec: nn.Module, x: Tensor) -> list[nn.Parameter]:
    """The parameters that neither y nor z follows from."""
    fixed = tuple(f"{name}." for name in TARGETS)
    free = [p for name, p in codec.named_parameters() if not name.startswith(fixed) and p.requires_grad]
    with _told(codec) as (latents, _):
        codec(x)
    moving = [y for y in latents if y.requires_grad]
    if not moving:
        return free
    slopes = torch.autograd.grad(sum(y.sum() for y in moving), free, allow_unused=True)  # type: ignore[arg-type]
    return [p for p, slope in zip(free, slopes) if slope is None]


@torch.enable_grad()
def _descend(codec: nn.Module, x: Tensor) -> None:
    """Some steps down; where one of them overflows it is taken back, and those after it are a tenth as long."""
    free, rate = _behind_latents(codec, x), RATE
    optimiser, finite = torch.optim.Adam(free, lr=rate), [p.detach().clone() for p in free]
    for _ in range(STEPS):
        optimiser.zero_grad()
        loss = _loss(codec, x)
        if not loss.requires_grad:
            break
        loss.backward()
        norm = nn.utils.clip_grad_norm_(free, 100.0)
        if loss.isfinite() and norm.isfinite():
            finite = [p.detach().clone() for p in free]
            optimiser.step()
        else:
            rate /= 10
            optimiser = torch.optim.Adam(free, lr=rate)
            _restore(free, finite)
    if not _loss(codec, x).isfinite():
        _restore(free, finite)
    for module in codec.modules():
        if hasattr(module, "_update_quantiles"):
            module._update_quantiles()  # type: ignore[operator]


def _loss(codec: nn.Module, x: Tensor) -> Tensor:
    with _told(codec) as (_, rates):
        out = codec(x)
    loss = 1000 * F.mse_loss(out["x_hat"], x)
    for part in [*rates, *(-p.log().sum() for p in out.get("likelihoods", {}).values())]:
        loss = loss + 20 * part / x[:, 0].numel()
    return loss


@torch.no_grad()
def _restore(parameters: list[nn.Parameter], values: list[Tensor]) -> None:
    for parameter, value in zip(parameters, values):
        parameter.copy_(value)
