"""Labelled pictures: a folder for each class, `FOLDER/CLASS/…/picture.png`, as torchvision's `ImageFolder` has them."""

from collections.abc import Sequence
from pathlib import Path

from common.data.folders import as_path, natural
from common.errors import LicError


def class_names(files: Sequence[Path], folders: Sequence[str | Path]) -> list[str]:
    """The class of each of `files`, which `find_pictures(folders)` found: the first folder below the one of `folders`
    in which it lies.

    Raises:
        LicError: a picture lies in no class's folder.
    """
    return [_class_of(file, [as_path(folder) for folder in folders]) for file in files]


def classes_of(names: Sequence[str]) -> list[str]:
    """The classes, each once, in natural order: their places are what networks call them."""
    return sorted(set(names), key=natural)


def _class_of(file: Path, folders: Sequence[Path]) -> str:
    for folder in folders:
        if file.is_relative_to(folder) and len(inside := file.relative_to(folder).parts) > 1:
            return inside[0]
    raise LicError(f"{file} has no label: pictures lie in a folder for each class, as in {folders[0]}/cats/1.png.")
