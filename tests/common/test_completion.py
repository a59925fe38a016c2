"""Shell completion: verbs are ours, the rest is Hydra's, nested groups are ours again."""

import pytest

from common.cli import main
from common.completion import nested_options


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("lic tr", {"train"}),
        ("lic train trainer=d", {"trainer=ddp", "trainer=ddp_cpu"}),
        ("lic train model=image/mean", {"model=image/mean_hyperprior"}),
        ("lic eval protocol=", {f"protocol={name}" for name in ("dcvc_ip32", "dvc_gop", "flow", "image")}),
        ("lic bench -", set()),
    ],
)
def test_completion(
    line: str, expected: set[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("COMP_LINE", line)
    assert main(["-sc", "query=bash"]) == 0
    assert set(capsys.readouterr().out.split()) == expected


def test_every_option_of_a_nested_group_but_those_that_others_build_on() -> None:
    options = nested_options("model=image/")
    assert "model=image/swift" in options and "model=image/compressai/mbt2018" in options
    assert not any("_module" in option for option in options)
    assert nested_options("trainer=") == nested_options("lmbda") == []
