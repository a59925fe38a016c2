"""Other people's codecs: which of their modules tell the coder's parameters, and how these are made exact.

By CompressAI's names: what is no transform (`FLOAT`) and holds neither a transform nor an entropy model lies between
decoded symbols and the coder's parameters: h_s, context_prediction, entropy_parameters, … A codec whose parts have
other names says so itself, by an attribute `parameter_networks` with the names of its modules.
"""

from collections.abc import Iterator
from typing import Any

import torch
from compressai.entropy_models import EntropyModel
from torch import nn

from common.entropy.exact.mode import NotExactError, apart, synthesis, wanted

FLOAT = frozenset(("g_a", "h_a", "g_s"))  # from picture to symbols, and from symbols to picture


def parameter_networks(codec: nn.Module) -> dict[str, nn.Module]:
    """Those of `codec` by name."""
    told = getattr(codec, "parameter_networks", None)
    if told is not None:
        return {name: codec.get_submodule(name) for name in told}
    return dict(_found(codec, ""))


def _found(module: nn.Module, prefix: str) -> Iterator[tuple[str, nn.Module]]:
    for name, child in module.named_children():
        if name in FLOAT or isinstance(child, EntropyModel):
            continue
        inside = [part.rpartition(".")[2] for part, _ in child.named_modules()]
        mixed = any(isinstance(m, EntropyModel) for m in child.modules()) or not FLOAT.isdisjoint(inside)
        if mixed:
            yield from _found(child, f"{prefix}{name}.")
        elif next(child.parameters(), None) is not None:
            yield f"{prefix}{name}", child


def synthesis_networks(codec: nn.Module) -> dict[str, nn.Module]:
    """Those that make pixels of decoded values: every g_s, or what the attribute `synthesis_networks` names."""
    told = getattr(codec, "synthesis_networks", None)
    if told is not None:
        return {name: codec.get_submodule(name) for name in told}
    return {name: part for name, part in codec.named_modules() if name.rpartition(".")[2] == "g_s"}


def adopt_networks(codec: nn.Module, names: Any = None) -> nn.Module:
    """Makes the parameter networks of `codec`, or those of the `names`, exact in evaluation, in place.

    Without `names` its synthesis, too, goes by `exact.synthesis`.
    """
    networks = parameter_networks(codec) if names is None else {name: codec.get_submodule(name) for name in names}
    for network in networks.values():
        _mix(network, ExactForward)
    for network in synthesis_networks(codec).values() if names is None else ():
        _mix(network, ExactSynthesis)
    return codec


class Mixin(nn.Module):
    """Put before a module's class: its state stays what it was."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        """A copy or pickle names the classes that were put together."""
        return _made_again, type(self).__bases__, self.__dict__


class ExactForward(Mixin):
    """The forward pass is exact in evaluation."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        forward = super().forward
        if not wanted(self):
            return forward(*args, **kwargs)
        check(self)
        return apart(forward, *args, **kwargs)


class ExactSynthesis(Mixin):
    """The forward pass is exact within `exact.everywhere`."""

    def forward(self, *args: Any) -> Any:
        return synthesis(super().forward, *args)


def check(network: nn.Module) -> None:
    """Raises `NotExactError` for what the mode cannot see into."""
    if any(isinstance(module, torch.jit.ScriptModule) for module in network.modules()):
        raise NotExactError("A network in TorchScript has no exact form: its functions cannot be exchanged.")


def _mix(module: nn.Module, mixin: type[Mixin]) -> None:
    own = type(module)
    if not issubclass(own, Mixin):
        module.__class__ = _mixed(mixin, own)


def _mixed(mixin: type[Mixin], own: type[nn.Module]) -> type[nn.Module]:
    return type(own.__name__, (mixin, own), {"__module__": own.__module__})


def _made_again(mixin: type[Mixin], own: type[nn.Module]) -> nn.Module:
    module = own.__new__(own)
    module.__class__ = _mixed(mixin, own)
    return module
