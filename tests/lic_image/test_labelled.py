"""Labelled folders as training data."""

from pathlib import Path

import pytest
import torch
from support.labelled import colours

from common.errors import LicError
from lic_image.codecs.mean_hyperprior import MeanHyperprior
from lic_image.labelled import LabelledPhotographs
from lic_image.tasks import with_classifier, with_triplets


def test_labels_go_with_their_pictures(tmp_path: Path) -> None:
    data = colours(tmp_path, val_limit=0)
    assert data.classes == ["9 red", "10 green", "blue"]
    data.setup("fit")
    for n in range(12):
        sample = data.train_set[n]
        assert int(sample["image"].float().mean((1, 2)).argmax()) == sample["label"]
    (file,) = [file for file in data.test_files() if file.parent.name == "10 green" and file.name == "1.png"]
    assert data.label(file) == 1
    given = {"image": torch.arange(2 * 3 * 4).reshape(2, 3, 1, 4).byte(), "label": torch.tensor([2, 0])}
    given["index"] = torch.tensor([0, 1])
    for flip in (True, False):
        data.flip = flip
        batches = [{**given, "index": torch.tensor([n, n + 1])} for n in range(0, 20, 2)]
        moved = [data.on_after_batch_transfer(data.on_before_batch_transfer(each, 0), 0) for each in batches]
        assert all(each["label"].tolist() == [2, 0] for each in moved)
        assert any((each["image"] * 255 != given["image"]).any() for each in moved) == flip
    for wrong in ({"scenes": 0.5}, {"roi": "saliency"}):
        with pytest.raises(LicError, match=r"data\.scenes=0"):
            LabelledPhotographs(str(tmp_path), str(tmp_path), name="x", crop=64, batch_size=1, **wrong)


def test_classes_must_fit(tmp_path: Path) -> None:
    data = colours(tmp_path)
    codec = MeanHyperprior(N=8, M=8)
    data.check(with_classifier(codec, 3, 0.1, 4))
    with pytest.raises(LicError, match=r"set task\.head\.classes=3"):
        data.check(with_classifier(MeanHyperprior(N=8, M=8), 10, 0.1, 4))
    (tmp_path / "train" / "blue").rename(tmp_path / "train" / "azure")
    with pytest.raises(LicError, match="the class azure is in one of"):
        data.check(codec)
    data.check(with_triplets(MeanHyperprior(N=8, M=8), 0.3, 1, 4))  # whose classes may be others
    for wrong in ({"classes": 1}, {"weight": -1}):
        with pytest.raises(LicError, match=rf"task\.head\.{next(iter(wrong))}"):
            with_classifier(codec, **{"classes": 2, "weight": 1.0, "width": 4, **wrong})
    with pytest.raises(LicError, match=r"task\.head\.margin"):
        with_triplets(codec, 0, 1, 4)
