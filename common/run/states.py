"""The state of a network, out of any file that holds it: with or without a wrapper or a prefix of names.

The file is searched for mappings from names to tensors. Of all mappings, and of all prefixes of names in them, the one
is used that matches most of the network's parameter names. So the prefixes of DDP, torch.compile and Lightning, and the
keys that others save under (`state_dict`, `model`, `model_state_dict`, …), need no list.
"""

import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn

from common.errors import LicError
from common.run.checkpoints import load_whole, never_averaged

log = logging.getLogger(__name__)

# Parts of names that are there because a network was wrapped.
WRAPPERS = ("module", "_orig_mod")
# What follows from an entropy model's parameters and may be missing: it is then built anew.
TABLES = ("_quantized_cdf", "_cdf_length", "_offset", "scale_table")
# A factorised density's parameters, named differently by versions of CompressAI: _matrix0, _matrices.0, matrices.0.
_DENSITY = re.compile(r"(?<![^.])_?(matri|bias|factor)(?:x|ces|es|s)?\.?(\d+)$")


class Found(NamedTuple):
    """A network's state: `matched` of its names are in a mapping at `place` in the file, each behind `prefix`."""

    matched: int
    place: str
    prefix: str
    tensors: Mapping[str, Tensor]


def read_state(path: Path, network: nn.Module, trusted: bool = False) -> dict[str, Tensor]:
    """What the file at `path` holds for `network`, under the network's names; `trusted` as in `load_whole`.

    Tables of an entropy coder that the file lacks are the network's own, which are stale then and built anew.

    Raises:
        LicError: there is no such file, or it holds nothing of this network.
    """
    content = read_checkpoint(path, trusted)
    if isinstance(content, dict) and never_averaged(content):
        content = content["current_model_state"]
    known = network.state_dict()
    first = {name.partition(".")[0] for name in known}
    shared = f"{first.pop()}." if len(first) == 1 else ""  # a network inside another, whose names files may lack
    own = {_plain(name).removeprefix(shared): name for name in known}
    found = [each for place, tensors in _mappings(content) for each in _matches(place, tensors, own)]
    if not found:
        raise LicError(f"{path} holds no weights of a {type(network).__name__}: none of its parameters is in there.")
    best = max(found, key=lambda each: each.matched)  # of several the first
    alike = [f"'{each.place}{each.prefix}'" for each in found if each.matched == best.matched]
    if len(alike) > 1 and best.place != "state_dict.":  # Lightning's other states are not what it delivers
        log.warning("%s holds several networks that fit (%s); the first was taken.", path, ", ".join(alike))
    state = {}
    for name, tensor in best.tensors.items():
        plain = _plain(name)
        if plain.startswith(best.prefix):
            rest = plain[len(best.prefix) :]
            state[own.get(rest, rest)] = tensor
    missing = [name for name in known if name not in state and name.rpartition(".")[2] in TABLES]
    return {**state, **{name: known[name] for name in missing}}


def read_checkpoint(path: Path, trusted: bool = False) -> Any:
    """The content of a file of torch's, or of a `.safetensors` file.

    Raises:
        LicError: there is no such file, or it cannot be read, or only by running code that is in it.
    """
    if not path.is_file():
        raise LicError(f"there are no weights at {path}; give a run folder, a weights.ckpt or a published checkpoint.")
    if path.suffix != ".safetensors":
        return load_whole(path, "it is damaged or of another kind; copy it again, or train again.", trusted)
    try:
        from safetensors.torch import load_file

        return load_file(path)
    except ModuleNotFoundError as error:
        raise LicError(f"{path} needs the package {error.name} to be read: pip install {error.name}.") from error
    except Exception as error:
        raise LicError(f"{path} is damaged ({type(error).__name__}): copy it again.") from error


def _mappings(content: Any, place: str = "") -> Iterator[tuple[str, Mapping[str, Tensor]]]:
    """Every mapping from names to tensors inside `content`, and where it is; `state_dict` before its neighbours."""
    if not isinstance(content, Mapping):
        return
    tensors = {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, Tensor)}
    if tensors:
        yield place, tensors
    for key in sorted(content, key=lambda key: key != "state_dict"):
        yield from _mappings(content[key], f"{place}{key}.")


def _matches(place: str, tensors: Mapping[str, Tensor], own: Mapping[str, str]) -> list[Found]:
    """The prefixes of `tensors` behind which names of `own` stand."""
    counts: Counter[str] = Counter()
    for name in map(_plain, tensors):
        parts = name.split(".")
        counts.update(
            "".join(f"{part}." for part in parts[:i]) for i in range(len(parts)) if ".".join(parts[i:]) in own
        )
    return [Found(matched, place, prefix, tensors) for prefix, matched in counts.items()]


def _plain(name: str) -> str:
    """A name without what wrappers put into it, and as the present CompressAI would have it."""
    parts = ("skip" if part == "downsample" else part for part in name.split(".") if part not in WRAPPERS)
    return _DENSITY.sub(r"\1\2", ".".join(parts))
