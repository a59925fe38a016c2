import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from common.engine.quoting import quoted


@pytest.mark.parametrize(
    ("typed", "values"),
    [
        ("data.train=~/photos", ["~/photos"]),
        ("data.train=data/日本", ["data/日本"]),
        ("data.test=[~/a,data/b,ü.png]", [["~/a", "data/b", "ü.png"]]),
        ("run=~/a,runs/b", ["~/a", "runs/b"]),
        ("lmbda=0.01,0.02", [0.01, 0.02]),
        ("data.train='~/own quotes'", ["~/own quotes"]),
    ],
)
def test_values_are_what_was_typed(typed: str, values: list[object]) -> None:
    parser = OverridesParser.create()
    parsed = parser.parse_override(quoted(typed))
    points = parsed.sweep_string_iterator() if parsed.is_sweep_override() else [quoted(typed).partition("=")[2]]
    assert [parser.parse_override(f"key={point}").value() for point in points] == values


def test_what_hydra_takes_stays_as_it_is() -> None:
    for argument in ("--config-dir", "-m", "~data", "data.name=${name}", "lr=tag(log,interval(1e-4,1e-2))"):
        assert quoted(argument) == argument
