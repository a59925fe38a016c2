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

from common.entropy.exact.mode import NotExactError, apart, wanted

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


def adopt_networks(codec: nn.Module, names: Any = None) -> nn.Module:
    """Makes the parameter networks of `codec`, or those of the `names`, exact in evaluation, in place."""
    networks = parameter_networks(codec) if names is None else {name: codec.get_submodule(name) for name in names}
    for network in networks.values():
        own = type(network)
        if not issubclass(own, ExactForward):
            network.__class__ = type(own.__name__, (ExactForward, own), {"__module__": own.__module__})
    return codec


class ExactForward(nn.Module):
    """Mixed into a module's class: its forward pass is exact in evaluation, its state stays what it was."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        forward = super().forward
        if not wanted(self):
            return forward(*args, **kwargs)
        if any(isinstance(module, torch.jit.ScriptModule) for module in self.modules()):
            raise NotExactError("A network in TorchScript has no exact form: its functions cannot be exchanged.")
        return apart(forward, *args, **kwargs)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """A copy or pickle names the class that was there before."""
        own = type(self).__mro__[2]
        return _made_again, (own,), self.__dict__


def _made_again(own: type[nn.Module]) -> nn.Module:
    module = own.__new__(own)
    module.__class__ = type(own.__name__, (ExactForward, own), {"__module__": own.__module__})
    return module
