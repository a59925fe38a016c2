"""Libraries without what coding files does not use: start-up is nearly all of the time that one photograph takes.

CompressAI imports, with any part of it, PyTorch Geometric for point clouds, pandas, scipy.stats and its own zoo:
most of a start's seconds. They are imported where something first asks for them.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

LATER = (
    "compressai.datasets",
    "compressai.losses",
    "compressai.optimizers",
    "compressai.transforms",
    "compressai.zoo",
    "scipy.stats",
)
# Lists torchvision's and PyTorch Geometric's transforms by name, for configurations of CompressAI's own trainers.
TRANSFORMS = "compressai.registry.transforms"


def lean() -> None:
    """To be called before CompressAI is imported; without effect afterwards."""
    if "compressai" in sys.modules:
        return
    sys.meta_path.insert(0, Later())
    sys.modules.setdefault(TRANSFORMS, _transforms())


class Later(importlib.abc.MetaPathFinder):
    """Finds the modules of `LATER`, such that they are executed when an attribute is asked for."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in LATER:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec


def _transforms() -> ModuleType:
    """A registry with CompressAI's own transforms alone, once they are imported."""
    known: dict[str, Any] = {}

    def register_transform(name: str) -> Callable[[type], type]:
        return lambda cls: known.setdefault(name, cls)

    module = ModuleType(TRANSFORMS)
    module.__dict__.update(TRANSFORMS=known, register_transform=register_transform)
    return module
