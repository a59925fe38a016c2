"""Photographs that published packages carry, so that a first run needs no download.

scikit-image's wheel holds them in ``skimage/data``. Where they come from, as its documentation of
``skimage.data`` says: ``astronaut`` and ``hubble_deep_field`` (NASA) and ``rocket`` (SpaceX) are in the public
domain; ``chelsea`` (Stefan van der Walt), ``coffee`` (Rachel Michetti, by courtesy of Pikolo Espresso Bar) and
``camera`` (Lav Varshney) are CC0, given by their photographers; ``brick``, ``gravel`` and ``grass`` are CC0;
``retina`` (Mikael Häggström) is CC0; ``ihc`` has no known copyright restrictions; ``motorcycle_left`` is of the
Middlebury stereo benchmark of 2014 (Scharstein and others). matplotlib's sample data adds ``grace_hopper``
(US Navy, public domain).

``motorcycle_right`` is all but the same picture as the left one and is used by neither list.
"""

import importlib.util
from pathlib import Path

from common.errors import LicError

_TRAIN = (
    "motorcycle_left.png", "rocket.jpg", "hubble_deep_field.jpg", "retina.jpg", "ihc.png",
    "brick.png", "camera.png", "grass.png", "gravel.png",
)  # fmt: skip
_HELD_OUT = ("astronaut.png", "chelsea.png", "coffee.png")


def train_photographs() -> list[Path]:
    """Photographs to train on: six in colour, four grey."""
    return [packaged("skimage", f"data/{name}") for name in _TRAIN] + [
        packaged("matplotlib", "mpl-data/sample_data/grace_hopper.jpg")
    ]


def held_out_photographs() -> list[Path]:
    """Photographs to evaluate on, never trained on: three in colour, of files without loss."""
    return [packaged("skimage", f"data/{name}") for name in _HELD_OUT]


def packaged(package: str, name: str) -> Path:
    """A file of an installed package, found without importing it (nor its downloader of further data)."""
    spec = importlib.util.find_spec(package)
    distribution = {"skimage": "scikit-image"}.get(package, package)
    if spec is None or not spec.submodule_search_locations:
        raise LicError(f"sample pictures need {distribution}; install it with 'pip install {distribution}'.")
    path = Path(spec.submodule_search_locations[0], name)
    if not path.is_file():
        raise LicError(
            f"the installed {distribution} does not carry the sample {path.name}; "
            f"reinstall it from its wheel with 'pip install --force-reinstall {distribution}'."
        )
    return path
