"""A codec of one's own: the documentation's example as printed, and subclasses of all of CompressAI's base classes."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from compressai import models
from support import textured
from torch import nn

from common.coding.codec_files import to_input, to_picture
from common.errors import LicError
from lic_image.codecs.compressai_zoo import adopted
from lic_image.files import ImageFiles

PAGE = Path(__file__).parents[3] / "docs/pages/own_codec.md"


def test_the_pages_example(lic: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = PAGE.read_text(encoding="utf-8").partition("\n## ")[0]
    code, config, commands = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)[:3]
    for content in (code, config):
        file = tmp_path / re.match(r"# ([\w./]+)", content)[1]  # type: ignore[index]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    program, verb, *arguments = shlex.split(commands.splitlines()[0])
    assert program == "lic"
    assert lic(verb, *arguments, "trainer.max_steps=1", "trainer.val_check_interval=1", "name=own") == 0
    results = list((tmp_path / "runs" / "own").glob("*/result.json"))
    assert len(results) == 3
    assert all(json.loads(result.read_text())["results"]["psnr-rgb"][0] > 0 for result in results)


def subclass(base: type, **extra: Any) -> Any:
    return type("Mine", (base,), extra)


@pytest.mark.parametrize(
    ("base", "extra"),
    [
        (models.FactorizedPrior, {"downsampling": 16}),
        (models.ScaleHyperprior, {}),
        (models.MeanScaleHyperprior, {"downsampling": 64}),
        (models.JointAutoregressiveHierarchicalPriors, {"downsampling": 64}),
        (models.JointAutoregressiveHierarchicalPriors, {}),
    ],
)
def test_a_subclass_codes_what_its_forward_pass_gives(base: type, extra: dict[str, Any]) -> None:
    torch.manual_seed(0)
    files = ImageFiles(subclass(base, **extra)(8, 12), "mine")
    assert files.codec.downsampling == (16 if base is models.FactorizedPrior else 64)
    assert type(files.codec).__name__ == "Mine"
    picture = textured(40, 70)
    decoded = files.decode(files.encode(picture)).rgb
    with torch.no_grad():
        forward = files.codec(to_input(picture, files.codec.downsampling))["x_hat"]
    assert np.array_equal(decoded, to_picture(forward, 40, 70))


def test_how_an_autoregressive_one_codes_may_be_its_own() -> None:
    def compress(self: Any, x: torch.Tensor) -> str:
        return "mine"

    codec = adopted(subclass(models.JointAutoregressiveHierarchicalPriors, compress=compress)(8, 12))
    assert codec.compress(torch.zeros(1, 3, 64, 64)) == "mine"


def test_without_downsampling_it_says_what_is_missing() -> None:
    class Bare(models.CompressionModel):
        def __init__(self) -> None:
            super().__init__()
            self.g_a = nn.Conv2d(3, 3, 1)

    with pytest.raises(LicError, match="Bare lacks the attribute `downsampling`"):
        ImageFiles(Bare(), "bare")
