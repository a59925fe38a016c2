"""Which settings make given weights fit: widths follow from λ (CompressAI's qualities) and `size`, or are set."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from itertools import product
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict
from torch import Tensor, nn


def misfit(network: nn.Module, state: Mapping[str, Tensor]) -> str | None:
    """A sentence on the first parameter whose shape in `state` is not the network's; None where all fit."""
    for name, p in network.named_parameters():
        if name in state and state[name].shape != p.shape:
            there, here = ("x".join(map(str, shape)) for shape in (state[name].shape, p.shape))
            return f"{name} is {there} in the file and {here} in the network"
    return None


def fitting(cfg: DictConfig, network: str, state: Mapping[str, Tensor]) -> str | None:
    """The settings with which the network that `cfg.model` describes as `network` has the shapes of `state`.

    `cfg` as composed, before it is resolved. None where none of the λ of its list, sizes and widths N, M fits.
    """
    fit: list[str] = []
    seen: dict[str, bool] = {}
    for text, variant in _variants(cfg, network, state):
        if fit and not text.startswith(fit[0].partition("=")[0]):
            break
        described = OmegaConf.to_yaml(variant, resolve=True)
        if described not in seen:
            seen[described] = _fits(variant, state)
        if seen[described]:
            fit.append(text)
    return " or ".join(fit) or None


def _variants(cfg: DictConfig, network: str, state: Mapping[str, Tensor]) -> Iterator[tuple[str, Any]]:
    """Settings as typed, and the network's configuration under them: λ by λ, then sizes with λ, then widths."""
    other = "tiny" if cfg.size.name == "base" else "base"
    rates = str(cfg.get("lmbdas") or "").split(",")
    for size, rate in product((cfg.size.name, other), filter(None, rates)):
        changed = deepcopy(cfg)
        with open_dict(changed):
            changed.lmbda, changed.size.name = float(rate), size
        yield f"lmbda={rate}" if size == cfg.size.name else f"size={size} lmbda={rate}", changed.model[network]
    widths = [name for name in ("N", "M") if isinstance(cfg.model[network].get(name), int)]
    channels = sorted({tensor.shape[0] for tensor in state.values() if tensor.ndim == 4})
    for values in product(channels, repeat=len(widths)):
        changed = deepcopy(cfg)
        with open_dict(changed):
            changed.model[network].update(zip(widths, values))
        yield " ".join(f"model.{network}.{name}={n}" for name, n in zip(widths, values)), changed.model[network]


def _fits(described: Any, state: Mapping[str, Tensor]) -> bool:
    from hydra.utils import instantiate
    from torch._subclasses import FakeTensorMode

    with FakeTensorMode(allow_non_fake_inputs=True):  # shapes without values
        network: nn.Module = instantiate(described)
    own = {name: p.shape for name, p in network.named_parameters()}
    return all(name in state and state[name].shape == shape for name, shape in own.items())
