"""What tests of every room share."""

import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image
from support import textured

torch.set_num_threads(1)  # for pictures this small, threads only wait for each other
os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the processes that tests start
os.environ.setdefault("WANDB_MODE", "offline")
os.environ.setdefault("WANDB_SILENT", "true")
warnings.filterwarnings("ignore", message=".*does not have many workers.*")


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
        "size=tiny", "data.batch_size=2", "data.num_workers=0",
        "trainer.enable_progress_bar=false", "callbacks.progress=null", "report.baselines=[]",
    ]  # fmt: skip
    clips = ["data.sets.procedural.count=1", "data.sets.procedural.frames=4"]

    def data(chosen: dict[str, str]) -> list[str]:
        """What is small of the data of the model, or the recipe, that is chosen: KIND/NAME."""
        kind, _, name = chosen.get("model", chosen.get("experiment", "image/")).partition("/")
        if kind == "flow":
            side = 128 if name == "raft" else 64  # RAFT takes no smaller ones
            sizes = [f"data.crop=[{side},{side}]", f"data.canvas=[{side + 16},{side + 16}]"]
            return ["data.test_limit=1", "data.val_limit=1", *sizes]
        if kind == "video":
            return [*clips, f"data.crop={128 if name == 'ssf2020' else 64}"]  # without a flow network, 128 or more
        side = 128 if name == "enveloped_downscale" else 64  # half of it is what the hyperprior within takes
        return [f"data.crop={side}", f"data.test={photographs}"]

    def run(verb: str, *arguments: str) -> int:
        given = dict(argument.partition("=")[::2] for argument in arguments)
        extra = [*small, *data(given)] if verb == "train" else []
        return main([verb, *arguments, *(e for e in extra if e.partition("=")[0] not in given)])

    yield run
