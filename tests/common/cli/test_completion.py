"""Shell completion: verbs are ours, the rest is Hydra's, nested groups are ours again."""

from pathlib import Path

import pytest

from common.cli import main
from common.cli.completion import nested_options


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("lic tr", {"train"}),
        ("lic train trainer=d", {"trainer=ddp", "trainer=ddp_cpu"}),
        ("lic train model=image/mean", {"model=image/mean_hyperprior"}),
        ("lic train ablation/ofmc_gop=uni", {f"ablation/ofmc_gop=uni_{gop}" for gop in (10, 13, 20)}),
        (
            "lic eval protocol=",
            {f"protocol={name}" for name in ("dcvc_ip32", "dvc_gop", "flow", "image", "image_levels")},
        ),
        ("lic compress --b", {"--background"}),
        ("lic compress pho", set()),  # the shell's names of files
        ("lic flow --show --che", {"--checkpoint"}),
        ("lic sweep st", {"status"}),
        ("lic bench --co", {"--codecs", "--config-dir"}),
        ("lic decompress a.lic a.png --checkpoint runs/d", {"runs/demo/lmbda-0.013"}),
        ("lic decompress a.lic a.png --checkpoint ", {"runs/demo/lmbda-0.013", "runs/other/default"}),
        ("lic eval run=runs/demo/lmbda-0.013,runs/o", {"run=runs/demo/lmbda-0.013,runs/other/default"}),
        ("lic train parts.intra=runs/o", {"parts.intra=runs/other/default"}),
        ("lic nothing --x", set()),
    ],
)
def test_completion(
    line: str, expected: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    for run in ("demo/lmbda-0.013", "other/default"):
        (tmp_path / "runs" / run).mkdir(parents=True)
        (tmp_path / "runs" / run / "config.yaml").touch()
    monkeypatch.setenv("COMP_LINE", line)
    assert main(["-sc", "query=bash"]) == 0
    assert set(capsys.readouterr().out.split()) == expected


def test_every_option_of_a_nested_group_but_those_that_others_build_on() -> None:
    options = nested_options("model=image/")
    assert "model=image/swift" in options and "model=image/compressai/mbt2018" in options
    assert not any("_module" in option for option in options)
    assert nested_options("trainer=") == nested_options("lmbda") == nested_options("image_codec=") == []
