"""What is to be tested: a class from anyone's repository, with its constructor's arguments and perhaps its weights."""

import copy
import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from compressai.entropy_models import EntropyModel
from torch import nn

from common.entropy.tables import TableModel
from common.errors import LicError

METHODS = ("forward", "compress", "decompress", "update")


def settings(words: list[str]) -> dict[str, Any]:
    """`["N=128", "loud=true"]` -> `{"N": 128, "loud": True}`: values as in YAML."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.isidentifier():
            raise LicError(f"--set takes NAME=VALUE, as in N=128, not '{word}'.")
        try:
            found[name] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise LicError(f"the value in '{word}' is none that YAML can read: put it into quotes.") from error
    return found


def codec_class(target: str) -> type[nn.Module]:
    """`my_package.module:Class` -> the class; raises `LicError` unless it is a codec's."""
    module_name, colon, name = target.partition(":")
    if not colon or not name or not module_name:
        raise LicError(f"'{target}' names no class: write module:Class, as in my_package.codec:MyCodec.")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and f"{module_name}.".startswith(f"{error.name}."):
            raise LicError(
                f"there is no module {error.name}: correct the name, or stand in the folder that holds it."
            ) from error
        raise LicError(f"{module_name} cannot be imported: it needs the module {error.name}; install it.") from error
    except Exception as error:
        raise LicError(f"{module_name} cannot be imported: {type(error).__name__}: {error}") from error
    found = module
    for part in name.split("."):
        if not hasattr(found, part):
            classes = sorted(n for n, value in vars(module).items() if is_codec(value))
            raise LicError(f"{module_name} has no class {name}; its codecs are: {', '.join(classes) or 'none'}.")
        found = getattr(found, part)
    if not inspect.isclass(found) or not issubclass(found, nn.Module):
        raise LicError(f"{target} is no class of a torch module: give a codec's class.")
    lacking = [method for method in METHODS if not callable(getattr(found, method, None))]
    if "forward" not in lacking and found.forward is nn.Module.forward:
        lacking.insert(0, "forward")
    if lacking:
        raise LicError(f"{target} is no codec with CompressAI's interface: it lacks {', '.join(lacking)}.")
    return found


def is_codec(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, nn.Module) and all(hasattr(value, m) for m in METHODS)


def constructed(target: str, arguments: dict[str, Any]) -> nn.Module:
    """The codec `target`, made of `arguments`; raises `LicError` where these are not what it takes."""
    kind = codec_class(target)
    parameters = inspect.signature(kind).parameters.values()
    required = [
        p.name
        for p in parameters
        if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) and p.name not in arguments
    ]
    if required:
        raise LicError(
            f"{target} needs {', '.join(required)}: give --set {' '.join(f'{name}=…' for name in required)}."
        )
    names = [p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    surplus = [name for name in arguments if name not in names]
    if surplus and not any(p.kind is p.VAR_KEYWORD for p in parameters):
        raise LicError(f"{target} takes no {', '.join(surplus)}; its arguments are: {', '.join(names) or 'none'}.")
    try:
        return kind(**arguments)
    except LicError:
        raise
    except Exception as error:
        raise LicError(f"{target} cannot be made of these arguments: {type(error).__name__}: {error}") from error


def load(codec: nn.Module, path: Path) -> nn.Module:
    """The state dict in `path` into `codec`, as CompressAI loads one, so that tables may have any size."""
    from common.run.states import read_state

    state = read_state(path, codec)
    try:
        codec.load_state_dict(state)
    except (RuntimeError, KeyError) as error:
        reason = " ".join(str(error).split())[:300]
        raise LicError(f"the weights in {path} do not fit {type(codec).__name__}: {reason}") from error
    return codec


def ours(codec: nn.Module) -> bool:
    """Whether `codec` codes with lic's entropy models alone."""
    models = [module for module in codec.modules() if isinstance(module, EntropyModel)]
    return bool(models) and all(isinstance(module, TableModel) for module in models)


def step_of(codec: nn.Module) -> int:
    """The sides of pictures are multiples of this."""
    for name in ("downsampling", "downsampling_factor"):
        if isinstance(step := getattr(codec, name, None), int):
            return step
    return 64


def adopted_copy(codec: nn.Module) -> nn.Module:
    """A copy of `codec` with lic's coder and exact parameters."""
    from lic_image.codecs.compressai_zoo import adopted

    twin = copy.deepcopy(codec)
    if not hasattr(twin, "downsampling"):
        twin.downsampling = step_of(codec)  # type: ignore[assignment]
    return adopted(twin)
