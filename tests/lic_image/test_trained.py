"""The README's lines of Python, as printed, and what is wrong with arrays."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support import textured

import lic_image
import lic_video
from common.errors import LicError, StreamError
from common.results.records import records

ROOT = Path(__file__).parents[2]
RUN = "runs/demo/lmbda-0.013"


def test_a_trained_codec_from_python(lic: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(textured(40, 57)).save(tmp_path / "photo.jpg")
    assert lic("train", "model=image/factorized", "debug=step", "lmbda=0.013", f"hydra.run.dir={RUN}") == 0
    monkeypatch.chdir(tmp_path)
    blocks = [
        (ROOT / page)
        .read_text(encoding="utf-8")
        .partition("## From Python")[2]
        .partition("```python\n")[2]
        .partition("```")[0]
        for page in ("README.md", "docs/pages/files.md")
    ]
    assert blocks[0] == blocks[1]
    names: dict[str, object] = {"x": torch.rand(2, 3, 64, 128)}
    with torch.inference_mode():
        exec(blocks[0], names)
    rgb, x_hat, data = names["rgb"], names["x_hat"], names["data"]
    assert isinstance(rgb, np.ndarray) and rgb.shape == (40, 57, 3) and rgb.dtype == np.uint8
    assert isinstance(x_hat, torch.Tensor) and x_hat.shape == (2, 3, 64, 128)

    codec = lic_image.load(Path(RUN) / "weights.ckpt")
    (point,) = records("runs/demo")
    assert codec.results["bpp"] == point["bpp"] and point["lmbda"] == 0.013 and "bpp" in repr(codec)
    assert isinstance(data, bytes) and np.array_equal(codec.decode(data), rgb)
    with pytest.raises(StreamError):
        codec.decode(data[:-3])
    for wrong in (rgb.astype(np.float32), rgb[..., 0], rgb[:0]):
        with pytest.raises(LicError, match="a photograph is uint8"):
            codec.encode(wrong)
    refined = codec.encode(rgb, refine=2)
    assert codec.decode(refined).shape == rgb.shape
    with pytest.raises(LicError, match=r"--quality is not for .*rate=gains"):
        codec.encode(rgb, quality=50)
    with pytest.raises(LicError, match="codes no clips"):
        lic_video.load(RUN)
