"""`--exact`: every codec's pixels in exact arithmetic are nearly those of floats, and the same bits in any order."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from compressai.models import CompressionModel, MeanScaleHyperprior
from hydra.utils import instantiate
from support import compose, textured
from torch import nn

from common.cli.files import main as command
from common.cli.files import parser
from common.entropy import exact
from common.entropy.exact import NotExactError
from common.entropy.rules import PRESENT
from common.layers.memory_format import in_memory_format
from lic_image.files import ImageFiles

SYSTEMS = {
    "factorized": ["attention=simplified"],
    "hyperprior": ["attention=channel", "refinement=postfilter"],
    "mean_hyperprior": ["attention=nonlocal", "refinement=nonlocal"],
    "adjacent": [],
    "channel_postfilter": [],
    "swift": [],
    "progressive": ["cell=associative_lstm", "reconstruction=additive"],
    "layered": [],
    "ticm": [],
    "tinylic": [],
    "interleaved": [],
    "stf": [],
    "compressai/mbt2018": [],
    "compressai/cheng2020-attn": [],
}


def livened(codec: nn.Module) -> nn.Module:
    """No layer is zero, as after some training."""
    with torch.no_grad():
        for parameter in codec.parameters():
            if not parameter.any():
                parameter.normal_(std=0.02)
    return codec.eval()


def image_codec(system: str, *overrides: str) -> CompressionModel:
    torch.manual_seed(0)
    codec = instantiate(compose(f"model=image/{system}", "size=tiny", *overrides).model.codec)
    if hasattr(codec, "start_from"):
        codec.start_from(torch.rand(2, 3, 64, 64), 0.013)
    return livened(codec)  # type: ignore[return-value]


@pytest.fixture(autouse=True)
def threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system(system: str, threads: Callable[[int], None]) -> None:
    files = ImageFiles(image_codec(system, *SYSTEMS[system]), "test")
    check(files, threads)


def test_codecs_that_only_call_their_g_s(threads: Callable[[int], None]) -> None:
    """As third parties write them: nothing in them knows of exact arithmetic."""
    files = ImageFiles(livened(MeanScaleHyperprior(8, 12)), "test")  # type: ignore[arg-type]
    check(files, threads)


def check(files: ImageFiles, threads: Callable[[int], None]) -> None:
    data = files.encode(textured(70, 90))
    in_floats, found = files.decode(data).rgb, files.decode(data, exact=True).rgb
    assert np.abs(in_floats.astype(int) - found).max() <= 1
    threads(1)
    in_memory_format(files.codec, torch.channels_last)
    with exact.shuffled_sums():
        assert np.array_equal(files.decode(data, exact=True).rgb, found)


def test_files_whose_parameters_are_floats_have_exact_pixels_too() -> None:
    files = ImageFiles(image_codec("swift"), "test")
    files.rules = PRESENT._replace(exact=False)
    data = files.encode(textured(64, 64))
    found = files.decode(data, exact=True).rgb
    assert np.abs(files.decode(data).rgb.astype(int) - found).max() <= 1
    with exact.shuffled_sums():
        assert np.array_equal(files.decode(data, exact=True).rgb, found)


def test_a_codec_that_does_not_say_what_makes_pixels_is_told_how_to() -> None:
    class Renamed(MeanScaleHyperprior):
        def decompress(self, strings: list[list[bytes]], shape: tuple[int, int]) -> dict[str, torch.Tensor]:
            out = super().decompress(strings, shape)
            return {"x_hat": out["x_hat"]}

    codec = livened(Renamed(8, 12))
    codec.decoder, codec.synthesis_networks = codec.g_s, ()  # type: ignore[assignment]
    files = ImageFiles(codec, "test")  # type: ignore[arg-type]
    data = files.encode(textured(64, 64))
    files.decode(data)
    with pytest.raises(NotExactError, match="synthesis_networks"):
        files.decode(data, exact=True)


def test_the_command_takes_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = ImageFiles(image_codec("hyperprior"), "test")
    (tmp_path / "a.lic").write_bytes(files.encode(textured(64, 64)))
    monkeypatch.setattr("common.cli.files.open_files", lambda *_: files)
    seen: list[bool] = []
    decode = files.decode
    monkeypatch.setattr(
        files, "decode", lambda data, most, exact, level: seen.append(exact) or decode(data, most, exact, level)
    )
    for option in ([], ["--exact"]):
        paths = [str(tmp_path / "a.lic"), str(tmp_path / "a.png"), "--checkpoint", "run"]
        assert command(["decompress", *paths, *option]) == 0
    assert seen == [False, True]
    with pytest.raises(SystemExit):
        parser().parse_args(["compress", "a.png", "a.lic", "--checkpoint", "run", "--exact"])
