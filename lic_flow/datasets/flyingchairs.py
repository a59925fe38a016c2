"""FlyingChairs: rendered chairs over photographs, moved by affine maps.

A. Dosovitskiy, P. Fischer, E. Ilg and others: "FlowNet: learning optical flow with convolutional networks", ICCV 2015.
"""

from pathlib import Path

from common.errors import LicError
from lic_flow.datasets.pairs import Pair, chosen, folder, some
from lic_flow.datasets.published import published

_OF = "FlyingChairs"
_SPLIT_FILE = "FlyingChairs_train_val.txt"
_PICTURES = (".ppm", ".png", ".webp")


@published("flyingchairs")
def flyingchairs(root: str | Path, split: str = "train") -> list[Pair]:
    """``split``: train (22232 pairs), val (640) or all.

    FlyingChairs_train_val.txt   a line a pair: 1 train, 2 val; distributed by itself, here or beside the pictures
    data/00001_img1.ppm
    data/00001_img2.ppm
    data/00001_flow.flo

    The folder ``data`` may be left out, digits are free, and pictures may be .png or .webp. Without the split file
    there is only ``all``. ``Pair.name`` is ``00001``.
    """
    mark = chosen(split, {"train": "1", "val": "2", "all": ""}, "split of FlyingChairs")
    root = folder(root, of=_OF)
    data = root / "data" if (root / "data").is_dir() else root
    names = {path.name for path in data.iterdir()}
    pairs = []
    for flow in sorted(name for name in names if name.endswith("_flow.flo")):
        number = flow.removesuffix("_flow.flo")
        first, second = (_picture(data, f"{number}_img{k}", names) for k in (1, 2))
        pairs.append(Pair(number, first, second, data / flow))
    some(pairs, data, _OF)
    if not mark:
        return pairs
    marks = _marks(root, data)
    if len(marks) != len(pairs):
        raise LicError(
            f"{_SPLIT_FILE} has {len(marks)} lines and {data} {len(pairs)} pairs of FlyingChairs; "
            "unpack the whole set, or use split 'all'."
        )
    return some([pair for pair, its in zip(pairs, marks) if its == mark], data, f"the split '{split}' of {_OF}")


def _picture(data: Path, stem: str, names: set[str]) -> Path:
    for suffix in _PICTURES:
        if stem + suffix in names:
            return data / (stem + suffix)
    raise LicError(f"{_OF} lacks {data / stem}{_PICTURES[0]}, which its other files call for; unpack the set again.")


def _marks(root: Path, data: Path) -> list[str]:
    """The split file's lines; it lies in ``root``, among the pictures, or above the folder ``data`` that was given."""
    for path in (root / _SPLIT_FILE, data / _SPLIT_FILE, root.resolve().parent / _SPLIT_FILE):
        if path.is_file():
            return path.read_text(encoding="utf-8", errors="replace").split()
    raise LicError(f"{root} has no {_SPLIT_FILE}, which says what is train and val; put it there, or use split 'all'.")
