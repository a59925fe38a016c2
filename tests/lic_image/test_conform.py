"""`lic conform`: our codecs pass, CompressAI's are shown as they are, and each fault is found."""

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from compressai.models import JointAutoregressiveHierarchicalPriors, MeanScaleHyperprior
from torch import Tensor, nn

from common.cli import main
from common.entropy.rules import PRESENT
from lic_image.codecs.mean_hyperprior import MeanHyperprior
from lic_image.conform import checks
from lic_image.conform.calibration import calibrate
from lic_image.conform.checks import FAILED, HELD, Finding, Subject
from lic_image.conform.command import _picture
from lic_image.conform.targets import adopted_copy, ours

RGB = _picture(None, (128, 128))[0]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lic_image.conform.calibration.STEPS", 25)
    monkeypatch.setattr(checks, "ODD", ((1, 1), (17, 33)))
    monkeypatch.setattr(checks, "TRIALS", 2)


def subject(codec: nn.Module, exact: bool = False, rgb: np.ndarray = RGB) -> Subject:
    """`codec`, calibrated."""
    torch.manual_seed(0)
    calibrate(codec, torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None] / 255)
    codec.eval().update()  # type: ignore[operator]
    return Subject(codec, rgb, 64, PRESENT._replace(exact=exact), safe=ours(codec))


def found(subject: Subject, name: str) -> Finding:
    return checks.examine(next(check for check in checks.CHECKS if check.name == name), subject)


@pytest.mark.parametrize(
    "target",
    [
        ["lic_image.codecs.compressai_zoo:Cheng2020Anchor", "--set", "N=8"],
        ["lic_image.codecs.swift:Swift", "--set", "M=24", "N=8", "Z=4", "blocks=1"],
    ],
    ids=lambda target: target[0].rpartition(":")[2],
)
def test_our_codecs_conform(target: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "found.json"
    status = main(["conform", *target, "--size", "128x128", "--json", str(file)])
    out, record = capsys.readouterr().out, json.loads(file.read_text())
    assert status == 0, out
    assert record["conforms"] and record["decides"] == "exact" and "weights fitted to the picture" in out
    exact = record["columns"]["exact"]
    assert [exact[f"noise {each}"]["state"] for each in ("1e-6", "1e-5")] == [HELD, HELD]
    assert exact["order of sums"]["state"] == exact["cut and flipped streams"]["state"] == HELD


def test_compressai_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    codec = JointAutoregressiveHierarchicalPriors(N=8, M=12)
    plain = subject(codec)
    apart = found(plain, "decoded = forward pass")
    assert apart.state == FAILED and "not the one that the forward pass measures" in apart.note
    twin = Subject(adopted_copy(codec), RGB, 64, PRESENT, safe=True)
    assert found(twin, "decoded = forward pass").state == HELD
    unchecked = subject(MeanScaleHyperprior(8, 12))
    assert found(unchecked, "cut and flipped streams").state == FAILED  # CompressAI's streams end in no check
    twin = Subject(adopted_copy(unchecked.codec), RGB, 64, PRESENT, safe=True)
    assert found(twin, "cut and flipped streams").state == HELD


class OtherRounding(MeanScaleHyperprior):
    def decompress(self, strings: Any, shape: Any) -> dict[str, Tensor]:
        out = super().decompress(strings, shape)
        return {"x_hat": (out["x_hat"] * 16).round() / 16}


class Batched(MeanScaleHyperprior):
    """Its scales and means follow from all pictures of a batch."""

    def __init__(self) -> None:
        super().__init__(8, 12)
        self.h_s = nn.Sequential(self.h_s, nn.BatchNorm2d(24, track_running_stats=False))


class Longer(MeanScaleHyperprior):
    def compress(self, x: Tensor) -> dict[str, Any]:
        out = super().compress(x)
        return {**out, "strings": [[s + bytes(100) for s in latent] for latent in out["strings"]]}


class Hanging(MeanScaleHyperprior):
    """Waits for the rest of a cut stream, and ends the process where a stream is empty."""

    def compress(self, x: Tensor) -> dict[str, Any]:
        out = super().compress(x)
        return {**out, "strings": [[len(s).to_bytes(4, "little") + s for s in latent] for latent in out["strings"]]}

    def decompress(self, strings: Any, shape: Any) -> dict[str, Tensor]:
        for latent in strings:
            for string in latent:
                if not string:
                    os.abort()
                while len(string) - 4 < int.from_bytes(string[:4], "little"):
                    time.sleep(0.05)
        return super().decompress([[s[4:] for s in latent] for latent in strings], shape)


class Sensitive(MeanScaleHyperprior):
    """Its means turn at the last bits of what h_s gives."""

    def __init__(self) -> None:
        super().__init__(8, 12)
        own = self.h_s

        class Turning(nn.Module):
            def forward(self, z_hat: Tensor) -> Tensor:
                scales, means = own(z_hat).chunk(2, 1)
                return torch.cat([scales.abs() + 2 + (1e6 * scales).sin(), means], 1)

        self.h_s = Turning()


FAULTS = {
    "decoded = forward pass": (lambda: OtherRounding(8, 12), "levels"),
    "batch = one by one": (Batched, "other symbols"),
    "size = likelihoods": (lambda: Longer(8, 12), "are written"),
    "noise 1e-5": (Sensitive, "of 2"),
}


@pytest.mark.parametrize("check", FAULTS)
def test_each_fault_is_found(check: str) -> None:
    make, said = FAULTS[check]
    faulty = subject(make())
    finding = found(faulty, check)
    assert finding.state == FAILED and said in finding.note, finding
    sound = subject(MeanHyperprior(8, 12), exact=True)
    assert found(sound, check).state == HELD


def test_crashes_and_hangs_are_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "HANG", 0.5)
    finding = found(subject(Hanging(8, 12)), "cut and flipped streams")
    assert finding.state == FAILED
    assert "crashed (SIGABRT)" in finding.note and "still running" in finding.note


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no_such_place.codec:Codec"], "there is no module no_such_place"),
        (["lic_image.codecs.adjacent:Adjacentt"], "has no class Adjacentt; its codecs are: Adjacent"),
        (["lic_image.layers.post_filter:PostFilter"], "lacks compress, decompress, update"),
        (["lic_image.codecs.hyperprior:Hyperprior", "--set", "N=8"], "needs M: give --set M=…"),
        (["lic_image.codecs.swift:Swift", "--set", "W=8"], "takes no W"),
        (["lic_image.codecs.swift:Swift", "--adopted", "--set", "M=24"], "--adopted is for codecs with"),
        (["lic_image.codecs.swift"], "names no class"),
        ([], "give either a class"),
    ],
)
def test_mistakes_are_one_sentence(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conform", *arguments]) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("likelihood", "state", "said"),
    [(2.0**-8, HELD, "100 bytes, +0.00%"), (1e-9, HELD, "100% at 1e-9"), (2.0**-16, FAILED, "-50.00%")],
)
def test_a_file_may_be_shorter_than_promised_only_by_what_lies_at_the_floor(
    likelihood: float, state: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"y": torch.full((1, 100), likelihood)}
    monkeypatch.setattr(checks, "measure", lambda subject, x=None: (None, told))
    monkeypatch.setattr(checks, "encode", lambda subject, x=None: checks.Coded([[bytes(100)]], (1, 1)))
    finding = checks.size(None)  # type: ignore[arg-type]
    assert finding.state == state and said in finding.figure
