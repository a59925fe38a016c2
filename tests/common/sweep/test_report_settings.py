"""What is asked of a report is checked before anything is trained."""

import logging

import pytest
from omegaconf import OmegaConf

from common.errors import LicError
from common.sweep.report_settings import check_report, say_what_needs_a_sweep


def test_names_that_there_are() -> None:
    for report in ({"baselines": [], "published": []}, {"baselines": ["jpeg", "x265"], "published": ["vtm"]}):
        check_report(OmegaConf.create(report))
    check_report(OmegaConf.create({"baselines": None, "published": None}))


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ({"baselines": ["jpg"], "published": []}, r"report\.baselines: .* 'jpg': did you mean jpeg\?"),
        ({"baselines": "jpeg", "published": []}, r"report\.baselines is a list, as in report\.baselines=\[jpeg\]"),
        ({"baselines": [], "published": "vtm"}, r"report\.published is a list, as in report\.published=\[vtm\]"),
        ({"baselines": [], "published": ["nothing.json"]}, r"report\.published: there is no file nothing\.json"),
    ],
)
def test_names_that_there_are_not(report: dict[str, object], said: str) -> None:
    with pytest.raises(LicError, match=said):
        check_report(OmegaConf.create(report))


def test_a_single_run_says_that_it_makes_no_report(caplog: pytest.LogCaptureFixture) -> None:
    report = OmegaConf.create({"baselines": ["jpeg"], "published": []})
    with caplog.at_level(logging.WARNING):
        say_what_needs_a_sweep(report, {"report.published", "lmbda"})
        assert not caplog.messages, "an empty list asks for nothing"
        say_what_needs_a_sweep(report, {"report.baselines", "report.published"})
    assert [message.partition(" is of sweeps")[0] for message in caplog.messages] == ["report.baselines"]
