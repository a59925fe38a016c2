"""What tests of every room share."""

import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

os.environ.setdefault("WANDB_MODE", "offline")
os.environ.setdefault("WANDB_SILENT", "true")
warnings.filterwarnings("ignore", message=".*does not have many workers.*")


def textured(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A smooth, colourful picture, uint8 (height, width, 3): something that a codec can predict."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width] / 16.0
    planes = [
        np.sin(rows * rng.uniform(0.2, 1) + rng.uniform(0, 6)) * np.cos(columns * rng.uniform(0.2, 1)) for _ in "rgb"
    ]
    noise = rng.normal(0, 3, (height, width, 3))
    return np.clip(128 + 80 * np.stack(planes, -1) + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two small pictures of odd sizes."""
    folder = tmp_path_factory.mktemp("photographs")
    Image.fromarray(textured(50, 70)).save(folder / "one.png")
    Image.fromarray(textured(33, 41, seed=1)).save(folder / "two.png")
    return folder


@pytest.fixture
def lic(tmp_path: Path, photographs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """`lic("train", "-m", …)` in this process, with its runs under tmp_path and small pictures to work on."""
    from common.cli import main

    monkeypatch.chdir(tmp_path)
    small = [
        "size=tiny", "data.crop=64", "data.batch_size=2", "data.num_workers=0", f"data.test={photographs}",
        "trainer.enable_progress_bar=false", "callbacks.progress=null", "report.baselines=[]",
    ]  # fmt: skip

    def run(verb: str, *arguments: str) -> int:
        extra = small if verb == "train" else []
        return main([verb, *arguments, *extra])

    yield run


def compose(*overrides: str, root: str = "train") -> Any:
    """The configuration of `lic train …` without running it."""
    import hydra
    from hydra import initialize_config_module

    from common.launch import resolvers

    resolvers.register()
    with initialize_config_module("conf", version_base="1.3"):
        cfg = hydra.compose(root, overrides=list(overrides), return_hydra_config=True)
        from hydra.core.hydra_config import HydraConfig

        HydraConfig.instance().set_config(cfg)
    return cfg
