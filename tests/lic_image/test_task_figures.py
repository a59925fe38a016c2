"""What an evaluation finds of a task."""

from pathlib import Path

import pytest
import torch
from support import textured
from support.labelled import colours

from common.coding.codec_files import to_input
from lic_image.codecs.compressai_zoo import adopted
from lic_image.codecs.mean_hyperprior import MeanHyperprior
from lic_image.data import Photographs
from lic_image.evaluate import ImageProtocol
from lic_image.tasks import with_triplets


def test_figures_are_of_the_files_and_only_of_labelled_pictures(tmp_path: Path) -> None:
    data = colours(tmp_path)
    torch.manual_seed(0)
    codec = adopted(with_triplets(MeanHyperprior(N=8, M=8, start="pyramid"), 0.3, 1, 4)).eval()
    codec.start_from(to_input(textured(128, 128), 64), 0.013)
    found = ImageProtocol(keep_pictures=False)(codec, "x", data, tmp_path)
    records = found.details["images"]
    assert [record["class"] for record in records] == [1, 1, 0, 0, 2, 2]  # "10 green" is read before "9 red"
    assert "accuracy" not in records[0] and "embedding" not in records[0]
    precisions = [record["average_precision"] for record in records]
    assert found.points[0]["average_precision"] == pytest.approx(sum(precisions) / 6)
    assert found.details["metrics"]["average_precision"]["title"] == "mAP"
    (file,) = [file for file in data.test_files() if file.parent.name == "blue" and file.name == "0.png"]
    plain = Photographs(None, str(file), "x", crop=64, batch_size=1)
    assert "class" not in ImageProtocol(keep_pictures=False)(codec, "x", plain, tmp_path).details["images"][0]
