"""Numbers that are no numbers are found before anything is computed."""

import pytest
from omegaconf import OmegaConf

from common.errors import LicError
from common.launch.settings import check_settings


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("lmbda", "abc", "lmbda is 'abc', which must be a number"),
        ("seed", -1, "seed is -1, which must be a whole number from 0"),
        ("seed", 2**32, "to 4294967295"),
        ("trainer.max_steps", "many", "trainer.max_steps is 'many'"),
        ("trainer.max_steps", 0, "from 1 on"),
        ("data.batch_size", 0.5, "data.batch_size is 0.5"),
        ("data.num_workers", -1, "from 0 on"),
    ],
)
def test_what_does_not_fit_is_named(key: str, value: object, what: str) -> None:
    cfg = OmegaConf.create({"lmbda": 0.01, "seed": 0, "trainer": {"max_steps": 1}, "data": {"batch_size": 1}})
    check_settings(cfg)
    OmegaConf.update(cfg, key, value, force_add=True)
    with pytest.raises(LicError, match=what):
        check_settings(cfg)


def test_what_is_missing_null_or_of_another_shape_is_left_to_others() -> None:
    check_settings(OmegaConf.create({"lmbda": None, "threads": None, "data": {"crop": [1, 2], "batch_size": "???"}}))
