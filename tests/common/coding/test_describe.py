"""`lic info` of a run: figures that can be read, with their units, and no torch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from common.coding.describe import COUNTED_ON, describe_run, duration
from common.errors import LicError

ROOT = Path(__file__).parents[3]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    cfg = {"model": {"codec": {}}, "system": "swift", "lmbda": 0.013, "distortion": "mse"}
    OmegaConf.save(OmegaConf.create(cfg), tmp_path / "config.yaml")
    result = {
        "results": {"bpp": [0.72990001], "psnr-rgb": [33.4], "ms-ssim-rgb": [None]},
        "parameters": 1_234_567,
        "gmacs": 39.3216,
    }
    (tmp_path / "result.json").write_text(json.dumps(result))
    (tmp_path / "timing.json").write_text(json.dumps({"encoding_time": 0.03125, "decoding_time": 1.5}))
    return tmp_path


def test_figures_have_units(run: Path) -> None:
    lines = describe_run(run)
    assert lines[0] == f"{run}: run of swift, lambda 0.013 (mse), finished"
    assert [" ".join(line.split()) for line in lines[1:]] == [
        "bpp 0.7299 bits per pixel",
        "psnr-rgb 33.4000 dB",
        "parameters 1.23 million",
        "operations 39.32 GMACs at 768x512, 100.0 kMACs per pixel",
        "encoding time 31.2 ms",
        "decoding time 1.5 s",
    ]


def test_the_sizes_are_those_that_are_counted_on() -> None:
    from common.metrics.complexity import KODAK
    from lic_flow.evaluate import SIZE

    assert {"codec": KODAK[:1:-1], "network": SIZE[:1:-1]} == COUNTED_ON


def test_a_damaged_result_is_a_sentence(run: Path) -> None:
    (run / "result.json").write_text("{")
    with pytest.raises(LicError, match=r"result\.json cannot be read"):
        describe_run(run)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0312, "31.2 ms"), (63, "63.0 s"), (5025, "84 min"), (9000, "2 h 30 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_no_torch_is_imported(run: Path) -> None:
    call = f"assert main(['info', {str(run)!r}]) == 0"
    code = f"import sys; from common.cli import main; {call}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")
