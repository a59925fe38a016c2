"""The test sequences of HEVC's common test conditions, classes B, C, D and E.

F. Bossen: "Common test conditions and software reference configurations", JCTVC-L1100, 2013.
"""

from pathlib import Path

from common.data.sequences import Sequence, named
from common.errors import LicError

CLASSES: dict[str, dict[str, str | tuple[str, ...]]] = {
    "B": {
        "BasketballDrive": "BasketballDrive_1920x1080_50",
        "BQTerrace": "BQTerrace_1920x1080_60",
        "Cactus": "Cactus_1920x1080_50",
        "Kimono": ("Kimono1_1920x1080_24", "Kimono_1920x1080_24"),
        "ParkScene": "ParkScene_1920x1080_24",
    },
    "C": {
        "BasketballDrill": "BasketballDrill_832x480_50",
        "BQMall": "BQMall_832x480_60",
        "PartyScene": "PartyScene_832x480_50",
        "RaceHorsesC": ("RaceHorses_832x480_30", "RaceHorsesC_832x480_30"),
    },
    "D": {
        "BasketballPass": "BasketballPass_416x240_50",
        "BlowingBubbles": "BlowingBubbles_416x240_50",
        "BQSquare": "BQSquare_416x240_60",
        "RaceHorses": "RaceHorses_416x240_30",
    },
    "E": {
        "FourPeople": "FourPeople_1280x720_60",
        "Johnny": "Johnny_1280x720_60",
        "KristenAndSara": "KristenAndSara_1280x720_60",
    },
}


def hevc(root: str | Path, cls: str) -> list[Sequence]:
    """All sequences of class ``cls``: B (1920x1080, 5), C (832x480, 4), D (416x240, 4) or E (1280x720, 3).

    BasketballPass_416x240_50.yuv    name, size, frames per second; 8-bit 4:2:0, in ``root`` or below

    RaceHorses, which is in two classes, is called RaceHorsesC in class C.
    """
    if cls not in CLASSES:
        raise LicError(f"there is no class '{cls}' of the HEVC sequences here; choose one of {', '.join(CLASSES)}.")
    return named(root, f"HEVC class {cls}", CLASSES[cls])
