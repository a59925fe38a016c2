"""`lic` itself: help, verbs, completion, and how quickly it answers."""

import os
import resource
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from common.cli import main
from common.cli.verbs import VERBS

ROOT = Path(__file__).parents[3]


def fresh(*arguments: str) -> tuple[float, str]:
    """Seconds of processor time, as others may work here too, and output of a new process."""
    started = children()
    code = f"import sys; from common.cli import main; status = main({list(arguments)!r}); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return children() - started, done.stdout


def children() -> float:
    """Processor seconds of this process's children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_what_libraries_say_of_each_other_is_not_shown_by_any_verb() -> None:
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        main(["no-verb"])
        warnings.warn("`torch.jit.script` is deprecated.", FutureWarning, stacklevel=1)
        warnings.warn("data.crop is small", UserWarning, stacklevel=1)
    assert [str(each.message) for each in shown] == ["data.crop is small"]


def test_help_is_quick_and_names_every_verb() -> None:
    seconds, out = min(fresh("--help") for _ in range(3))
    assert seconds < 0.5
    assert all(f"\n  {verb} " in out for verb in VERBS) and out.endswith("False\n")


def test_a_configuration_is_shown_without_torch() -> None:
    _, out = fresh("train", "--cfg", "job", "experiment=image/demo")
    assert "_target_: lic_image.codecs.swift.Swift" in out and out.endswith("False\n")


def test_help_of_the_applications_names_choices(capsys: pytest.CaptureFixture) -> None:
    for verb in ("train", "eval"):
        with pytest.raises(SystemExit) as ended:
            main([verb, "--help"])
        assert ended.value.code == 0
        out = capsys.readouterr().out
        assert f"lic {verb}" in out and "model/image: " in out and "mean_hyperprior" in out


@pytest.mark.parametrize("verb", ["compress", "decompress", "info", "report", "bench"])
def test_help_of_the_other_verbs(verb: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0 and f"lic {verb}" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--cfg", "job"], ["train", "--help"]], ids=str)
def test_who_reads_the_output_may_stop(arguments: list[str]) -> None:
    """`lic … | head`: a pipe that nobody reads any more."""
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run(
        [sys.executable, "-m", "common.cli", *arguments], cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True
    )
    os.close(write)
    assert ended.stderr == ""


def test_an_unknown_verb(capsys: pytest.CaptureFixture) -> None:
    assert main(["trian"]) == 2
    assert "no verb 'trian'" in capsys.readouterr().err


def test_a_mistyped_verb_gets_the_nearest(capsys: pytest.CaptureFixture) -> None:
    assert main(["decompres"]) == 2
    assert "did you mean decompress?" in capsys.readouterr().err


def test_the_version(capsys: pytest.CaptureFixture) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("lic ")
