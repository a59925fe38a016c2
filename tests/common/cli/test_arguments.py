"""What is said of an option that a verb does not have."""

from collections.abc import Callable, Sequence

import pytest

from common.cli import data, files, sweep


@pytest.mark.parametrize(
    "main, given, verb",
    [
        (files.main, ["compress", "a", "b", "--checkpoint", "c"], "lic compress"),
        (files.main, ["info", "a"], "lic info"),
        (data.main, ["digits", "a"], "lic data digits"),
        (sweep.main, ["status", "a"], "lic sweep status"),
    ],
)
def test_an_unknown_option_is_reported_with_the_usage_of_its_verb(
    main: Callable[[Sequence[str]], int], given: list[str], verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*given, "--force"])
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith(f"usage: {verb} ") and f"{verb}: error: unrecognized arguments: --force" in said
