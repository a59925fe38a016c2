"""UVG: natural motion at 120 frames per second.

A. Mercat, M. Viitanen, J. Vanne: "UVG dataset: 50/120fps 4K sequences for video codec analysis and development",
MMSys 2020.
"""

from pathlib import Path

from common.data.sequences import Sequence, named

NAMES = ("Beauty", "Bosphorus", "HoneyBee", "Jockey", "ReadySteadyGo", "ShakeNDry", "YachtRide")


def uvg(root: str | Path) -> list[Sequence]:
    """The seven sequences that papers measure on, at 1920x1080: 600 frames each, ShakeNDry 300.

    Beauty_1920x1080_120fps_420_8bit_YUV.yuv    in ``root`` or below

    ReadySteadyGo may be called ReadySetGo. The 4K and the 10-bit versions are not taken for these.
    """
    spellings = {name: (name, "ReadySetGo") if name == "ReadySteadyGo" else (name,) for name in NAMES}
    tail = "_1920x1080_120fps_420_8bit_YUV"
    return named(root, "UVG", {name: tuple(spelling + tail for spelling in known) for name, known in spellings.items()})
