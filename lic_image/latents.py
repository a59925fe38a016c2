"""Where a codec's latents leave its networks and come back: what works with any codec takes hold of them there.

y comes out of `g_a` and goes into `g_s`, z out of `h_a` and into `h_s`, as in CompressAI. A codec whose modules are
others names them: `latent_modules = ("blocks_a", "blocks_s")`, `side_modules`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from compressai.models import CompressionModel
from torch import Tensor, nn

from common.entropy.signs import Signs
from common.errors import LicError

POINTS = ("g_a", "g_s")
SIDE_POINTS = ("h_a", "h_s")


def latent_modules(codec: Any) -> list[nn.Module] | None:
    """What y comes out of, and what y_hat goes into; None where the codec has no such modules."""
    return _modules(codec, getattr(codec, "latent_modules", POINTS))


def side_modules(codec: Any) -> list[nn.Module] | None:
    """Likewise of z."""
    return _modules(codec, getattr(codec, "side_modules", SIDE_POINTS))


def check_has_zero(codec: nn.Module, what: str) -> None:
    """Raises `LicError`, which names `what`, for a codec of signs: no factor changes one, and none is 0."""
    if any(isinstance(module, Signs) for module in codec.modules()):
        raise LicError(f"{what} is not for quantiser=binary: a sign stays the same, by whatever it is multiplied.")


@torch.no_grad()
def channels_of(codec: Any, modules: Sequence[nn.Module]) -> list[int]:
    """How many channels come out of `modules`."""
    seen: dict[nn.Module, int] = {}
    hooks = [m.register_forward_hook(lambda module, _, out: seen.__setitem__(module, out.shape[1])) for m in modules]
    training = codec.training
    try:
        codec.eval()(torch.zeros(1, 3, 2 * codec.downsampling, 2 * codec.downsampling))
    finally:
        codec.train(training)
        for hook in hooks:
            hook.remove()
    if len(seen) != len(modules):
        raise LicError(f"the forward pass of {type(codec).__name__} does not call its modules {' and '.join(POINTS)}.")
    return [seen[module] for module in modules]


def _modules(codec: nn.Module, names: Sequence[str]) -> list[nn.Module] | None:
    try:
        return [codec.get_submodule(name) for name in names]
    except AttributeError:
        return None


class LatentSeen:
    """A hook of the synthesis that keeps what it was given last: y_hat, (B, M, h, w)."""

    y_hat: Tensor | None = None

    def __call__(self, module: nn.Module, given: Any) -> None:
        self.y_hat = given[0]

    def __deepcopy__(self, memo: dict[int, Any]) -> "LatentSeen":
        return memo.setdefault(id(self), LatentSeen())

    def __getstate__(self) -> dict[str, Any]:
        return {}


def latent(codec: CompressionModel, y: Tensor) -> AbstractContextManager[None]:
    """Inside, `y` stands for whatever the codec's analysis gives, which is not computed."""
    return _analysed_by(codec, lambda *given: y)


def analysed(codec: CompressionModel, x: Tensor) -> Tensor:
    """x (1, 3, H, W) -> what the codec's analysis gives, (1, M, h, w)."""
    found: list[Tensor] = []
    own = _analysis(codec).forward

    def watched(*given: Any) -> Tensor:
        found.append(own(*given))
        return found[-1]

    with _analysed_by(codec, watched):
        codec(x)
    return found[0]


@contextmanager
def _analysed_by(codec: CompressionModel, forward: Callable[..., Tensor]) -> Iterator[None]:
    module = _analysis(codec)
    before = vars(module).get("forward")
    module.forward = forward
    try:
        yield
    finally:
        if before is None:
            del module.forward
        else:
            module.forward = before


def _analysis(codec: CompressionModel) -> nn.Module:
    found = latent_modules(codec)
    if found is None:
        raise LicError(
            f"{type(codec).__name__} has no latent that could be optimised (no module {POINTS[0]}): take a codec with "
            "one, such as mean_hyperprior or swift."
        )
    return found[0]
