"""What strangers hand over, checkpoints and run folders, runs no code."""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from common.cli.files import open_files
from common.engine.checkpoint_io import WholeCheckpoints
from common.errors import LicError
from common.run.convert import main as convert
from common.run.targets import instantiate_harmless
from common.run.weights import load_weights

Lic = Callable[..., int]


class Malicious:
    """Makes a folder when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.trace),)


class Whole(nn.Linear):
    """As in files of `torch.save(network)`."""


def codec(**changed: Any) -> dict[str, Any]:
    return {"_target_": "lic_image.codecs.factorized.Factorized", "N": 8, "M": 12, **changed}


def run_folder(place: Path, model: Any, weights: Any) -> Path:
    place.mkdir()
    files = {"_target_": "lic_image.files.ImageFiles"}
    OmegaConf.save(
        OmegaConf.create({"system": "x", "lmbda": 1, "model": {"codec": model}, "files": files}), place / "config.yaml"
    )
    torch.save(weights, place / "weights.ckpt")
    return place


def test_a_malicious_checkpoint_is_not_run(
    lic: Lic, tmp_path: Path, photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = tmp_path / "trace"
    run = run_folder(tmp_path / "run", codec(), {"state_dict": {}, "x": Malicious(trace)})
    bad = run / "weights.ckpt"
    legacy = tmp_path / "legacy.pth.tar"
    torch.save({"x": Malicious(trace)}, legacy, _use_new_zipfile_serialization=False)
    small = ["model=image/factorized", "trainer.max_steps=1"]
    commands = [
        ["compress", str(photographs / "one.png"), str(tmp_path / "a.lic"), "--checkpoint", str(run)],
        ["compress", str(photographs / "one.png"), str(tmp_path / "a.lic"), "--checkpoint", str(bad)],
        ["eval", "model=image/factorized", f"weights={legacy}", f"data.test={photographs}", "lmbda=0.01"],
        ["train", *small, f"warm_start={bad}"],
        ["train", *small, f"+parts.g_a={legacy}"],
        [
            "train",
            "model=video/dvc",
            "trainer.max_steps=1",
            f"parts.intra={run}",
            "parts.motion_estimation.network=null",
        ],
    ]
    for command in commands[:4] + commands[5:]:
        assert lic(*command) == 2, command
        said = "".join(capsys.readouterr())
        assert "posix.mkdir beside tensors" in said and "python -m common.run.convert" in said, command
    assert not trace.exists()
    for load in (
        lambda: WholeCheckpoints(tmp_path / "own.ckpt").load_checkpoint(bad),
        lambda: load_weights(nn.Linear(1, 1), bad),
    ):
        with pytest.raises(LicError, match="was not read"):
            load()
    assert not trace.exists()
    with pytest.raises(FileNotFoundError):  # the test can fail: read in full, it does what it does
        WholeCheckpoints(bad).load_checkpoint(bad)
        trace.rmdir()
        trace.rmdir()


def test_harmless_objects_beside_the_weights_are_read(tmp_path: Path) -> None:
    network = nn.Linear(2, 3)
    torch.save(
        {
            "state_dict": network.state_dict(),
            "args": argparse.Namespace(lmbda=0.01, data=Path("kodak")),
            "best": np.float64(31.5),
            "curve": np.arange(3.0),
            "hyper_parameters": OmegaConf.create({"N": 8, "list": [1, "a"]}),
        },
        tmp_path / "x.pth.tar",
    )
    load_weights(taken := nn.Linear(2, 3), tmp_path / "x.pth.tar")
    assert torch.equal(taken.weight, network.weight)


def test_a_trusted_file_is_converted_by_the_command_that_is_said(tmp_path: Path) -> None:
    network = Whole(2, 3)
    torch.save({"epoch": 3, "model": network, "best": np.float64(1)}, tmp_path / "my whole.pth")
    with pytest.raises(LicError, match=r"Whole beside tensors.*python -m common\.run\.convert '.*my whole\.pth' NEW"):
        load_weights(nn.Linear(2, 3), tmp_path / "my whole.pth")
    assert convert([str(tmp_path / "my whole.pth"), str(tmp_path / "new.ckpt")]) == 0
    load_weights(taken := nn.Linear(2, 3), tmp_path / "new.ckpt")
    assert torch.equal(taken.weight, network.weight)
    assert convert([str(tmp_path / "my whole.pth"), str(tmp_path / "new.ckpt")]) == 2, "nothing is overwritten"
    assert convert([str(tmp_path / "none.pth"), str(tmp_path / "other.ckpt")]) == 2


REFUSED = [
    "os.system",
    "builtins.eval",
    "builtins.exec",
    "subprocess.Popen",
    "pathlib.Path.unlink",
    "pathlib.Path.write_text",
    "hydra.utils.instantiate",
    "torch.load",
    "torch.hub.load",
    "numpy.save",
    "pip.main",
    "pytest.main",
    "common.cli.main",
    "common.data.image_io.write_atomically",
    "lic_image.data.Path.unlink",
    "lic_image.files.write_atomically",
    "compressai.models.base.torch.load",
    "..os.system",
    "${oc.decode:os.system}",
]


@pytest.mark.parametrize("name", REFUSED)
def test_no_configuration_of_a_run_calls_what_does_more_than_build(name: str) -> None:
    for config in (
        {"_target_": name},
        {"_target_": "hydra.utils.get_method", "path": name},
        codec(attention={"a": [{"_target_": name}]}),
    ):
        with pytest.raises(LicError, match=r"names .*, which may do more than build a network"):
            instantiate_harmless(OmegaConf.create({"x": config}).x)


def test_a_strangers_run_folder_calls_nothing(tmp_path: Path) -> None:
    made = {"_target_": "os.mkdir", "path": str(tmp_path / "trace")}
    for model in (
        codec(attention=made),
        made,
        {"_target_": "builtins.dict", "x": made},
        codec(attention="${oc.create:{_target_:os.getcwd}}"),
    ):
        run = run_folder(tmp_path / f"run{len(list(tmp_path.iterdir()))}", model, {})
        with pytest.raises(LicError, match=r"names os\.(mkdir|getcwd) .*wrap it in a module of your own"):
            open_files(run)
    assert not (tmp_path / "trace").exists()


def test_packages_of_ones_own_are_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "their_codecs.py").write_text("from lic_image.codecs.factorized import Factorized as Mine\n")
    (tmp_path / "their_lab.py").write_text("class Mine:\n    def __init__(self, width):\n        self.width = width\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert instantiate_harmless(OmegaConf.create({"_target_": "their_lab.Mine", "width": 3})).width == 3
    assert instantiate_harmless(OmegaConf.create({**codec(), "_target_": "their_codecs.Mine"})).g_a
    of_torch = {"_target_": "torch.nn.functional.l1_loss", "_partial_": True}
    assert instantiate_harmless(OmegaConf.create(of_torch))(torch.zeros(1), torch.ones(1)) == 1
    native = {"_target_": "torch.nn.functional.gelu", "_partial_": True}
    assert instantiate_harmless(OmegaConf.create(native))(torch.zeros(1)) == 0


def test_the_command_that_converts_is_one(tmp_path: Path) -> None:
    torch.save({"state_dict": {"weight": torch.ones(1)}, "x": range(3)}, tmp_path / "old.pth")
    command = [sys.executable, "-m", "common.run.convert", "old.pth", "new.pth"]
    path = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    said = subprocess.run(command, cwd=tmp_path, env=path, capture_output=True, text=True)
    assert said.returncode == 0 and "new.pth: the tensors" in said.stdout
    assert torch.load(tmp_path / "new.pth", weights_only=True)["state_dict"] == {"weight": torch.ones(1)}
