"""Helpers that tests import."""

from typing import Any

import hydra
import numpy as np
import pytest
import torch
from hydra import initialize_config_module
from hydra.core.hydra_config import HydraConfig
from torch import nn

from common.run import resolvers
from common.spelling import all_options


def compose(*overrides: str, root: str = "train") -> Any:
    """The configuration of `lic train …` without running it."""
    resolvers.register()
    with initialize_config_module("conf", version_base="1.3"):
        cfg = hydra.compose(root, overrides=list(overrides), return_hydra_config=True)
    HydraConfig.instance().set_config(cfg)
    return cfg


def options(group: str) -> list[str]:
    """Every option of a group of `conf`, sub-folders included, those that only others build on left out."""
    found = all_options(group)
    assert found, f"conf has no group {group}"
    return found


def textured(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A smooth, colourful picture, uint8 (height, width, 3): something that a codec can predict."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width] / 16.0
    planes = [
        np.sin(rows * rng.uniform(0.2, 1) + rng.uniform(0, 6)) * np.cos(columns * rng.uniform(0.2, 1)) for _ in "rgb"
    ]
    noise = rng.normal(0, 3, (height, width, 3))
    return np.clip(128 + 80 * np.stack(planes, -1) + noise, 0, 255).astype(np.uint8)


def assert_files_are_the_forward_pass(codec: Any, x: torch.Tensor, within: float = 0.01) -> None:
    """What is decoded is what the evaluation's forward pass gives, and is as large as its likelihoods say."""
    with torch.inference_mode():
        measured, out = codec(x), codec.compress(x)
        assert torch.equal(codec.decompress(**out)["x_hat"], measured["x_hat"].clamp(0, 1))
    bits = -sum(p.double().log2().sum().item() for p in measured["likelihoods"].values())
    written = 8 * sum(len(string) for strings in out["strings"] for string in strings)
    assert written == pytest.approx(bits, rel=within)


def shaken(model: nn.Module, seed: int = 0) -> nn.Module:
    """The bottleneck with parameters as after some training."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name != "quantiles":
                p.add_(0.3 * torch.randn_like(p))
    model._update_quantiles()
    return model


def assert_damage_is_found(files: Any, rgb: np.ndarray, cases: int, least: int) -> None:
    """Streams with a flipped bit, under checks that fit: the right picture, or `StreamError`, `least` times or more."""
    from common.entropy.container import pack, unpack
    from common.errors import StreamError

    rng = np.random.default_rng(0)
    data = files.encode(rgb)
    right, refused = files.decode(data).rgb, 0
    for _ in range(cases):
        packet = unpack(data)
        level = packet.levels[int(rng.integers(len(packet.levels)))]
        place = int(rng.integers(len(level.streams)))
        stream = bytearray(level.streams[place])
        if not stream:
            continue
        stream[int(rng.integers(len(stream)))] ^= 1 << int(rng.integers(8))
        level.streams[place] = bytes(stream)
        try:
            assert np.array_equal(files.decode(pack(packet.header, packet.levels)).rgb, right)
        except StreamError:
            refused += 1
    assert refused >= least
