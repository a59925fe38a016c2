"""A checkpoint is the new one or the old one, whatever happens while it is written."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from common.engine.checkpoint_io import WholeCheckpoints
from common.errors import LicError
from common.run.checkpoints import load_whole, save_whole
from common.run.folder import RunFolder
from common.run.states import read_state
from common.run.weights import save_weights

Lic = Callable[..., int]


def test_a_checkpoint_is_staged_beside_its_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder for temporary files may be small, of another file system, or closed to us."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    moved: list[tuple[Path, Path]] = []
    replace = os.replace

    def watched(source: Any, target: Any) -> None:
        moved.append((Path(source), Path(target)))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    target = tmp_path / "checkpoints" / "last.ckpt"
    WholeCheckpoints().save_checkpoint({"global_step": 3}, target)
    assert load_whole(target) == {"global_step": 3}
    assert [(source.parent, end) for source, end in moved] == [(target.parent, target)]
    assert list(target.parent.iterdir()) == [target]


KILLED = """
import os, sys, threading, torch
from pathlib import Path
from common.run.checkpoints import save_whole

class Stops:
    def __reduce__(self):  # pickled in the middle of the file
        os.kill(os.getpid(), 9)

save_whole({"a": torch.zeros(1000), "b": Stops(), "c": torch.zeros(1000)}, Path(sys.argv[1]))
"""


def test_a_kill_in_the_middle_leaves_the_old_one_and_the_next_removes_the_stump(tmp_path: Path) -> None:
    target = tmp_path / "last.ckpt"
    save_whole({"global_step": 3}, target)
    root = str(Path(__file__).parents[3])
    ended = subprocess.run([sys.executable, "-c", KILLED, str(target)], env={**os.environ, "PYTHONPATH": root})
    assert ended.returncode == -9
    assert load_whole(target) == {"global_step": 3}
    assert len(list(tmp_path.iterdir())) == 2
    save_whole({"global_step": 4}, target)
    assert list(tmp_path.iterdir()) == [target] and load_whole(target) == {"global_step": 4}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize("side", [700, 10], ids=["tensors", "many-small"])
def test_a_full_disk_keeps_the_old_one_and_says_one_sentence(small_disk: Path, side: int) -> None:
    target = small_disk / "last.ckpt"
    save_whole({"global_step": 3}, target)
    large = {str(n): torch.rand(side, side) for n in range(2_000_000 // (4 * side * side) + 2)}
    with pytest.raises(LicError, match=r"last.ckpt cannot be written: there is no space left on the disk.*make room"):
        save_whole(large, target)
    assert load_whole(target) == {"global_step": 3} and list(small_disk.iterdir()) == [target]
    with pytest.raises(LicError, match="no space left"):
        save_weights(torch.nn.Linear(1000, 1000), small_disk / "weights.ckpt", "x")
    assert list(small_disk.iterdir()) == [target]


POINT = ["model=image/factorized", "trainer.max_steps=4", "trainer.val_check_interval=2"]


def test_a_damaged_checkpoint_is_said_in_one_sentence(
    lic: Lic, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lic("train", *POINT) == 0
    (file,) = tmp_path.glob("runs/*/*/checkpoints/last.ckpt")
    folder = RunFolder(file.parents[1])
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    folder.weights.unlink()
    folder.result.unlink()
    assert lic("train", *POINT) == 2
    said = capsys.readouterr().out.strip().splitlines()[-1]
    assert "last.ckpt is not a readable checkpoint" in said and "overwrite=true" in said
    assert lic("train", *POINT, "overwrite=true") == 0


def test_a_checkpoint_from_before_the_average_began_gives_the_trained_weights(tmp_path: Path) -> None:
    """Those of earlier versions hold the untrained start under the name of the average."""
    save_whole(
        {
            "state_dict": {"codec.a": torch.zeros(1)},
            "current_model_state": {"codec.a": torch.ones(1)},
            "averaging_state": {"n_averaged": torch.tensor(0)},
        },
        tmp_path / "last.ckpt",
    )
    network = torch.nn.ParameterDict({"a": torch.zeros(1)})
    assert read_state(tmp_path / "last.ckpt", network) == {"a": torch.ones(1)}
