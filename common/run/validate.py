"""Checks for invalid settings before a run starts: a typing error must not cost a training.

Refused are values that are not numbers or out of range, and settings that nothing reads: an added one (`+lambda=0.01`),
or one of a configuration file.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.resources import files
from typing import Any

import yaml
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from common.errors import LicError
from common.run.settings import below, flatten
from common.run.study import check_study
from common.run.targets import AROUND
from common.spelling import nearest


def _whole(least: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= least


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _positive(value: Any) -> bool:
    return _number(value) and value > 0


CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "lmbda": (_positive, "a positive number, as in lmbda=0.013"),
    "seed": (lambda value: _whole(0)(value) and value < 2**32, "a whole number from 0 to 4294967295"),
    "threads": (_whole(1), "a whole number from 1 on"),
    "trainer.max_steps": (_whole(1), "a whole number from 1 on"),
    "trainer.val_check_interval": (_positive, "a number of steps, or a part of the training data"),
    "trainer.gradient_clip_val": (_number, "a number"),
    "trainer.accumulate_grad_batches": (_whole(1), "a whole number from 1 on"),
    "model.optimizer.lr": (_positive, "a positive number, as in model.optimizer.lr=1e-4"),
    "model.aux_lr": (_positive, "a positive number, as in model.aux_lr=1e-3"),
    "data.batch_size": (_whole(1), "a whole number from 1 on"),
    "data.crop": (_whole(1), "a whole number of pixels from 1 on"),
    "data.resize": (lambda value: isinstance(value, bool), "true or false; data.crop is the side"),
    "data.num_workers": (_whole(0), "a whole number from 0 on"),
    "data.val_limit": (_whole(0), "a whole number from 0 on"),
    "data.overfit": (_whole(0), "a whole number from 0 on"),
}
# Settings of a network by these names are numbers of something that there must be, wherever they stand.
COUNTS = ("N", "M", "K", "width", "hidden", "groups", "bits", "points")
# What is read beside the keys and groups of the root configuration.
READ = ("lmbda", "lmbdas", "loss", "files")
# What configurations offer to others, which need not ask for it: facts of an inner codec, constants of a recipe (a
# value that was typed may stand where they were referred to). If it is typed itself, it must be read.
RECIPE = "recipe_"
OFFERED = re.compile(rf"{RECIPE}|inner\.(classical|lowest)$")
# Trees in which any key may be.
FREE_FORM = ("hydra", "parts", "study", "warm_start", "overrides")


def check_settings(cfg: DictConfig) -> None:
    """Raises `LicError` for the first setting of `cfg` that is there and not what it must be.

    null is nothing to check, but for λ where the model needs one.
    """
    if "metric" in cfg:
        raise LicError("a file of conf/metric/ begins with a line '# @package protocol.metrics.NAME'; one has none.")
    for key, (fits, what) in CHECKS.items():
        value = OmegaConf.select(cfg, key, throw_on_missing=False)
        if isinstance(value, (str, int, float)) and not fits(value):
            raise LicError(f"{key} is {value!r}, which must be {what}.")
    tree: Any = OmegaConf.to_container(cfg, resolve=False)
    for key, value in flatten(tree).items():
        if key.rpartition(".")[2] in COUNTS and isinstance(value, (int, float)) and not _whole(1)(value):
            raise LicError(f"{key} is {value!r}, which must be a whole number from 1 on.")
    if cfg.get("study"):
        check_study(cfg.study, f"ablation={cfg.get('name')}")
    model = cfg.get("model")
    if model is not None and "lmbda" in model and cfg.get("lmbda") is None:
        raise LicError(f"lmbda is null, and {cfg.get('system')} needs one: {CHECKS['lmbda'][1]}.")
    check_unit_of_lmbda("lmbda", tree.get("lmbda"))


def check_unit_of_lmbda(key: str, value: Any) -> None:
    """Raises `LicError` where a recipe's λ meets a distortion, typed beside it, in another unit.

    Args:
        key, value: lmbda or lmbdas, and what configurations have for it, unresolved.
    """
    typed = typed_values()
    if "distortion" not in typed or typed.keys() & {"lmbda", key} or value is None or "${" in str(value):
        return
    for chosen in typed["distortion"].split(","):  # in a sweep, several
        _check_unit(key, value, chosen)


def _check_unit(key: str, value: Any, chosen: str) -> None:
    """Raises `LicError` if `value` is no λ for the distortion `chosen`, whose λ are not those of the squared error."""
    mse = "video_mse" if chosen.startswith("video") else "mse"
    own, of_mse = (files("conf").joinpath(f"distortion/{name}.yaml") for name in (chosen, mse))
    if not own.is_file():  # one of the user's own
        return
    there, here = (yaml.safe_load(file.read_text(encoding="utf-8")) for file in (of_mse, own))
    if value != here[key] and there["lmbda"] != here["lmbda"]:
        raise LicError(
            f"{key} is {value}, which the recipe has for another distortion: λ depends on it. Give lmbda=…, too "
            f"(distortion={mse} has {there['lmbda']:g} where this one has {here['lmbda']:g})."
        )


def check_read(cfg: DictConfig, root: str) -> None:
    """Raises `LicError` for a setting of `cfg` that nothing reads, with the name that may have been meant.

    Read is what the root configuration `root` ("train", "eval") names, what is handed to a constructor (it stands
    below a `_target_`), and what an interpolation refers to. What only the other root names may be there, from a
    configuration that both take (`local/default.yaml`), unless it was typed.
    """
    tree: Any = OmegaConf.to_container(cfg, resolve=False)
    typed = typed_keys()
    if HydraConfig.initialized():  # without choices of groups
        typed -= set(HydraConfig.get().runtime.choices)
    known = [*root_keys(root), *(key for key in root_keys("eval" if root == "train" else "train") if key not in typed)]
    whole = HydraConfig.instance().cfg  # its sweeper may refer to settings, too
    constants = {key: value for key, value in tree.items() if key.startswith(RECIPE)}
    references = set(_references({key: value for key, value in tree.items() if key not in constants}))
    references |= set(_references(OmegaConf.to_container(whole, resolve=False))) if whole else set()
    asked = [value for key, value in constants.items() if any(below(name, [key]) for name in references)]
    references |= set(_references(asked))
    for group, key in (("quantiser", "rule"), *AROUND.items()):
        if (tree.get(group) or {}).get(key) and f"{group}.{key}" not in _references(tree.get("model")):
            raise LicError(f"nothing reads the setting {group}: it is not for this network; leave it out.")
    relative = {name.rpartition(".")[2] for name in references if name.startswith(".")}
    for key in unread(tree):
        if below(key, known) or below(key, references) or key.rpartition(".")[2] in relative:
            continue
        if OFFERED.match(key) and not below(key, typed):
            continue
        if any(each.startswith(f"{key}.") for each in known):  # an empty mapping
            continue
        advice = meant(key, [name for name in flatten(tree) if name != key])
        raise LicError(f"nothing reads the setting {key}: {f'did you mean {advice}?' if advice else 'leave it out.'}")


def typed_keys() -> set[str]:
    """Dotted keys, and groups, of the command line."""
    return set(typed_values())


def typed_values() -> dict[str, str]:
    """Likewise, each with what was typed for it: of a sweep all values, as in `mse,l1`."""
    typed = HydraConfig.get().overrides.task if HydraConfig.initialized() else []
    parts = [str(each).lstrip("+").partition("=") for each in typed]
    return {key: value for key, _, value in parts}


def root_keys(root: str) -> list[str]:
    """The keys and groups of the root configuration; of a mapping in it (`report`) each key by itself."""
    content = yaml.safe_load(files("conf").joinpath(f"{root}.yaml").read_text(encoding="utf-8"))
    groups = [str(key).split()[-1] for each in content.pop("defaults") if isinstance(each, dict) for key in each]
    own = [name for name in flatten(content) if not name.startswith("hydra")]
    return [*READ, *FREE_FORM, *own, *(group for group in groups if group not in ("local", "report"))]


def unread(tree: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Dotted keys of the leaves of `tree` that no constructor is handed."""
    if "_target_" in tree:
        return
    for key, value in tree.items():
        name = f"{above}{key}"
        if isinstance(value, Mapping) and value:
            yield from unread(value, f"{name}.")
        else:
            yield name


def _references(tree: Any) -> Iterator[str]:
    """What interpolations in `tree` refer to."""
    if isinstance(tree, Mapping):
        for value in tree.values():
            yield from _references(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _references(value)
    elif isinstance(tree, str):
        found = re.findall(r"\$\{(?:oc\.select:)?([.\w]+)(?:[},]|\$\{)", tree)
        yield from (name.rstrip(".") for name in found)  # ${a.${b}}: a


def meant(key: str, names: Iterable[str]) -> str:
    """The one of the dotted `names` that is most like `key`: as a whole, or a last part that is written alike."""
    candidates = list(names)
    ends = [name for name in candidates if name.rpartition(".")[2] == key.rpartition(".")[2]]
    return min(ends, key=len) if ends else nearest(key, candidates)
