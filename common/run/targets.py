"""Which `_target_`s of a run folder's configuration may be called.

A run folder may come from somebody else, and Hydra calls whatever `_target_` names, `os.system` included. So nothing
of the standard library is called. Of the packages that are installed with `lic`, only what builds networks, losses and
measures is called. Other packages, and modules in the working folder, were put there by you: all of them may be named.
"""

import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from typing import Any

from omegaconf import OmegaConf

from common.errors import LicError

# Whatever is below these; what they have imported from elsewhere is judged by where it comes from.
_PARTS = (
    "lic_image", "lic_flow", "lic_video", "common.data.sequences", "common.entropy", "common.layers", "common.metrics",
    "common.module", "common.schedules", "compressai.entropy_models", "compressai.latent_codecs", "compressai.layers",
    "compressai.losses", "compressai.models", "compressai.ops", "kornia.augmentation", "kornia.color", "kornia.enhance",
    "kornia.filters", "kornia.geometry", "kornia.losses", "kornia.metrics", "pytorch_msssim", "skimage.metrics",
    "torch._C._nn", "torch._VariableFunctionsClass", "torch.nn", "torch.optim", "torchmetrics", "torchvision.models",
    "torchvision.ops", "torchvision.transforms",
)  # fmt: skip
# Themselves only: not their methods.
_TYPES = (
    *(f"builtins.{name}" for name in ("dict", "float", "int", "list", "set", "slice", "str", "tuple")),
    "collections.OrderedDict", "fractions.Fraction", "functools.partial", "pathlib.Path",
)  # fmt: skip
# What only looks a class or function up, by the name in `path`.
_LOOKS_UP = ("hydra.utils.get_class", "hydra.utils.get_method", "hydra.utils.get_object")
# What is put around any image codec, in this order: a group of configs, and the key in it that does it.
AROUND = {"importance": "block", "rate": "control", "task": "head"}
# Of every environment, beside what `lic` brings.
_TOOLS = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "wheel", "uv")


def instantiate_harmless(config: Any, **arguments: Any) -> Any:
    """Hydra's `instantiate`, for a part of a run's configuration.

    Raises:
        LicError: a `_target_` in it names what may do more than build a network.
    """
    from hydra.utils import instantiate

    if OmegaConf.is_config(config):
        for key, name in _named(OmegaConf.to_container(config, resolve=True)):
            _check(key, name)
    return instantiate(config, **arguments)


def network_of(cfg: Any, name: str) -> Any:
    """The network that a run's `cfg` describes, without weights; `name` is what its module calls it.

    What stands around any image codec (importance=, rate=, task=) is put around it.
    """
    network = instantiate_harmless(cfg.model[name])
    for around in AROUND:
        put = instantiate_harmless(cfg.model.get(around))
        network = network if put is None else put(network)
    return network


def _named(tree: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Of every `_target_` in `tree`, where it is and what it names; of look-ups, what they look up."""
    if isinstance(tree, list):
        for i, value in enumerate(tree):
            yield from _named(value, f"{at}[{i}]")
    if not isinstance(tree, dict):
        return
    if "_target_" in tree:
        target = str(tree["_target_"])
        yield at, str(tree.get("path")) if target in _LOOKS_UP else target
    for key, value in tree.items():
        yield from _named(value, f"{at}.{key}" if at else str(key))


def _check(key: str, name: str) -> None:
    if not _allowed(name):
        raise LicError(_refusal(key, name))
    found = _found(name)
    # A name may lead through a module to what that has imported: lic_image.data.os.system.
    home, own = getattr(found, "__module__", None), getattr(found, "__qualname__", None)
    if isinstance(home, str) and isinstance(own, str) and not _allowed(f"{home}.{own}"):
        raise LicError(_refusal(key, name))


def _found(name: str) -> Any:
    """What `name` stands for; None where there is nothing, which `instantiate` will say better."""
    from hydra.utils import get_object

    try:
        return get_object(name)
    except Exception:
        return None


def _allowed(name: str) -> bool:
    if not re.fullmatch(r"\w+(\.\w+)*", name):
        return False
    if name in _TYPES or any(name.startswith(f"{part}.") for part in _PARTS):
        return True
    root = name.partition(".")[0]
    return root not in sys.stdlib_module_names and root not in _TOOLS and root not in _installed_with_lic()


@lru_cache(maxsize=1)
def _installed_with_lic() -> frozenset[str]:
    """The importable names of this distribution and of all that it depends on, extras included."""
    waiting, seen = ["lic"], set()
    while waiting:
        name = _plain(waiting.pop())
        if name in seen:
            continue
        seen.add(name)
        try:
            required = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        waiting += [found[0] for each in required if (found := re.match(r"[\w.-]+", each))]
    modules = packages_distributions().items()
    own = {"common", "conf", "benchmarks", "hydra_plugins"}
    return frozenset(own | {module for module, owners in modules if any(_plain(owner) in seen for owner in owners)})


def _plain(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _refusal(key: str, name: str) -> str:
    return (
        f"the run's configuration names {name} ({key or 'at its top'}), which may do more than build a network, and "
        "run folders can come from anybody: it was not called. If it is yours, wrap it in a module of your own and "
        "name that."
    )
