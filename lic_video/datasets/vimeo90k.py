"""Vimeo-90k's septuplets: seven successive frames of 448x256 pixels, from 39 000 films.

T. Xue, B. Chen, J. Wu and others: "Video enhancement with task-oriented flow", International Journal of Computer
Vision 127, 2019.
"""

import os
from pathlib import Path

from common.data.sequences import folder
from common.errors import LicError

FRAMES = 7
_LISTS = {"train": "sep_trainlist.txt", "test": "sep_testlist.txt"}


def vimeo90k(root: str | Path, split: str = "train") -> list[Path]:
    """The folders of the septuplets of a split, in the order of its list: train (64612) or test (7824).

    sep_trainlist.txt                    a line a septuplet, 00001/0001; sep_testlist.txt likewise
    sequences/00001/0001/im1.png         to im7.png

    ``root`` is the folder that holds these, or the one above, which holds them as vimeo_septuplet. That the folders
    are there is checked; what they hold is not.
    """
    if split not in _LISTS:
        raise LicError(f"there is no split of Vimeo-90k '{split}'; choose one of {', '.join(_LISTS)}.")
    root = folder(root, "Vimeo-90k")
    if (root / "vimeo_septuplet").is_dir():
        root = root / "vimeo_septuplet"
    listed, held = root / _LISTS[split], root / "sequences"
    if not listed.is_file() or not held.is_dir():
        raise LicError(
            f"{root} has no {listed.name if not listed.is_file() else 'folder sequences'}, which the septuplets of "
            "Vimeo-90k come with (sep_trainlist.txt, sep_testlist.txt, sequences/00001/0001/im1.png); check the path."
        )
    names = [line.strip() for line in listed.read_text(encoding="utf-8").splitlines() if line.strip()]
    known = _two_levels(held)
    missing = [name for name in names if name not in known]
    if missing or not names:
        raise LicError(
            f"{held} lacks {len(missing)} of the {len(names)} septuplets in {listed.name}"
            f"{', the first ' + missing[0] if missing else ''}; unpack the set again."
        )
    return [held / name for name in names]


def _two_levels(held: Path) -> set[str]:
    """Names of what is in the folders in ``held``: a hundred listings in place of 64612 questions."""
    with os.scandir(held) as parts:
        return {f"{part.name}/{name}" for part in parts if part.is_dir() for name in os.listdir(part.path)}
