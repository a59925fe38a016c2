"""Whose fault an error is."""

import pytest
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf

from common.errors import LicError, fault_of_input


class Deep:
    def __init__(self, width: int) -> None:
        int(width, wrong=1)  # type: ignore[call-overload]


def fault(config: dict) -> LicError | None:
    with pytest.raises(InstantiationException) as raised:
        instantiate(OmegaConf.create(config))
    return fault_of_input(raised.value)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"trainer": {"_target_": "lightning.Trainer", "foo": 1}}, "trainer.foo is no setting of Trainer"),
        ({"a": {"b": {"_target_": f"{__name__}.Deep", "w": 1}}}, "a.b.w is no setting of Deep"),
        ({"x": {"_target_": f"{__name__}.Deep"}}, "x lacks what Deep needs: 'width'"),
        ({"x": {"_target_": "no.such.thing"}}, "x._target_: there is no no.such.thing"),
    ],
)
def test_a_setting_that_a_constructor_does_not_take_is_a_sentence(config: dict, said: str) -> None:
    assert str(fault(config)).startswith(said)


def test_what_fails_inside_a_constructor_is_no_fault_of_the_settings() -> None:
    assert fault({"x": {"_target_": f"{__name__}.Deep", "width": 1}}) is None


def test_what_a_constructor_refuses_in_its_own_words_is_passed_on() -> None:
    cause = LicError("too wide")
    try:
        raise InstantiationException("wrapped") from cause
    except InstantiationException as error:
        assert fault_of_input(error) is cause
