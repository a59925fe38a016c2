"""Labelled photographs, a folder for each class: for codecs with a task (`lic_image.tasks`)."""

from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from common.data.folders import find_pictures, readable
from common.data.labels import class_names, classes_of
from common.data.training import Source, WithLabels
from common.errors import LicError
from lic_image.data import Photographs
from lic_image.tasks import Classifier, task_of


class LabelledPhotographs(Photographs):
    """`Photographs` in a folder for each class, `train`/CLASS/…/picture.png; `test` likewise.

    Args:
        train, test: folders. A classifier needs the same classes in both.
        flip: mirror every second training picture, which digits and letters do not bear.
        others: as `Photographs` has them; `scenes` and `roi` are not for labelled photographs.
    """

    def __init__(self, train: str | list[str] | None, test: str | list[str], flip: bool = True, **others: Any) -> None:
        super().__init__(train=train, test=test, **others)
        if test is None:
            raise LicError("data.test must name a folder of labelled pictures, with a folder for each class in it.")
        if self.scenes or self.roi:
            raise LicError("labelled photographs need data.scenes=0 and data.roi=null: scenes have no labels.")
        self.flip = flip

    def training_photographs(self) -> Source:
        if self.train_paths is None:
            raise LicError("data.train must name a folder of labelled pictures, with a folder for each class in it.")
        files = readable(find_pictures(self.train_paths), 1 if self.resize else self.crop)[0]
        names = class_names(files, self.train_paths)
        classes = classes_of(names)
        return WithLabels(files, [classes.index(name) for name in names])

    @cached_property
    def _test_names(self) -> dict[Path, str]:
        files = self.test_files()
        return dict(zip(files, class_names(files, self.test_paths or [])))

    @cached_property
    def classes(self) -> list[str]:
        """Names of the classes of the test photographs."""
        return classes_of(list(self._test_names.values()))

    def label(self, source: Path) -> int:
        """The class of a test photograph: its place among the classes."""
        return self.classes.index(self._test_names[source])

    def check(self, network: nn.Module | None = None) -> None:
        super().check(network)
        self.check_classes(network)

    def check_classes(self, network: nn.Module | None) -> None:
        """Raises ``LicError`` where `network` has a classifier for other classes than there are."""
        task, classes = task_of(network), self.classes
        if not isinstance(task, Classifier):
            return
        if task.classes != len(classes):
            raise LicError(
                f"data.test has {len(classes)} classes, and task=classification is for {task.classes}: "
                f"set task.head.classes={len(classes)}."
            )
        trained = classes_of(class_names(find_pictures(self.train_paths), self.train_paths)) if self.train_paths else []
        if trained and (other := sorted(set(trained) ^ set(classes))):
            raise LicError(
                f"the class {other[0]} is in one of data.train and data.test only, which must have the same."
            )

    def on_before_batch_transfer(self, batch: dict[str, Tensor], dataloader_idx: int) -> dict[str, Tensor]:
        return super().on_before_batch_transfer(batch, dataloader_idx) if self.flip else batch

    def on_after_batch_transfer(self, batch: dict[str, Tensor], dataloader_idx: int) -> dict[str, Tensor]:
        said = {"label": batch["label"]} if "label" in batch else {}
        return {**super().on_after_batch_transfer(batch, dataloader_idx), **said}
