"""The quality of a JPEG by its tables."""

import io

import numpy as np
import pytest
from PIL import Image

from lic_image.envelope.jpeg_quality import luma_tables, quality_of


@pytest.mark.parametrize("quality", [10, 25, 50, 75, 90, 100])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_libjpegs_qualities_are_found(quality: int, mode: str) -> None:
    file = io.BytesIO()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).convert(mode).save(file, "JPEG", quality=quality)
    assert quality_of(Image.open(file).quantization) == quality


def test_of_other_tables_the_nearest() -> None:
    table = luma_tables()[29]
    assert quality_of({0: [step + 1 for step in table]}) in (28, 29, 30)
    assert quality_of({0: [1] * 64}) == 100 and quality_of({0: [10000] * 64}) == 1
