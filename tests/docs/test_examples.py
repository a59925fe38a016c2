"""The `>>>` lines of docstrings give what they say."""

import doctest
from importlib import import_module

import pytest

MODULES = [
    "common.entropy.models",
    "common.entropy.rans",
    "common.metrics.complexity",
    "common.metrics.flow",
    "common.metrics.image",
    "common.results.bd",
    "common.results.seeds",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    result = doctest.testmod(import_module(name))
    assert result.attempted > 0 and result.failed == 0
