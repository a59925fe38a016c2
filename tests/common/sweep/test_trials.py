"""Trials that several shells share. A second `Trials` of this process is to the files what a second process is."""

from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState

from common.errors import LicError
from common.sweep.trials import JOURNAL, Trials

SPACE = {"lr": FloatDistribution(0.0, 1.0)}


def sampler(number: int) -> optuna.samplers.BaseSampler:
    return optuna.samplers.RandomSampler(seed=number)


def shell(folder: Path, space: Any = SPACE, **given: Any) -> Trials:
    return Trials(folder, {"lmbda": 1.0}, space, "minimize", given.pop("judge", lambda params: None), **given)


def test_a_running_trial_is_its_shells_until_that_dies(tmp_path: Path) -> None:
    one, other = shell(tmp_path), shell(tmp_path)
    (first,) = one.claim(3, 1, sampler)
    (second,) = other.claim(3, 1, sampler)
    assert (first.number, second.number) == (0, 1) and first.params != second.params
    assert one.elsewhere() == 2, "as it looks to a third"
    other.settle(second, 0.5)
    first.lock.close()  # as the system does when a process ends
    again, third = other.claim(3, 2, sampler)
    assert (again.number, again.params, third.number) == (0, first.params, 2)
    assert one.claim(3, 1, sampler) == [], "three altogether"
    other.settle(again, 0.25)
    other.settle(third, None)
    assert [trial.value for trial in one.study.trials] == [0.25, 0.5, None] and one.ended() == 3


def test_who_tries_what_another_is_at_waits_for_it(tmp_path: Path) -> None:
    space = {"N": CategoricalDistribution(["8"])}
    one, other = shell(tmp_path, space), shell(tmp_path, space)
    (first,) = one.claim(2, 1, sampler)
    (second,) = other.claim(2, 1, sampler)
    assert [str(file) for file in second.after] == [first.lock.name] and first.after == []


def test_a_shell_that_died_while_asking_leaves_no_empty_trial(tmp_path: Path) -> None:
    trials = shell(tmp_path)
    trials.study.ask()  # its parameters were to be written next
    (claim,) = trials.claim(1, 1, sampler)
    assert claim.number == 1 and claim.params.keys() == SPACE.keys()
    assert trials.study.trials[0].state == TrialState.PRUNED


def test_a_line_that_was_cut_off_does_not_spoil_those_after_it(tmp_path: Path) -> None:
    trials = shell(tmp_path)
    (claim,) = trials.claim(2, 1, sampler)
    trials.settle(claim, 0.5)
    with (tmp_path / JOURNAL).open("a") as file:
        file.write('{"op_code": 4, "wor')
    (next_one,) = shell(tmp_path).claim(2, 1, sampler)
    assert next_one.number == 1 and shell(tmp_path).study.trials[0].value == 0.5


def test_a_search_of_before_questions_were_noted_is_known_by_its_values(tmp_path: Path) -> None:
    trials = shell(tmp_path)
    (claim,) = trials.claim(1, 1, sampler)
    trials.settle(claim, 0.5)
    journal = tmp_path / JOURNAL
    lines = [line for line in journal.read_text().splitlines(keepends=True) if '"user_attr"' not in line]
    journal.write_text("".join(lines))
    with pytest.raises(LicError, match="older search that asked something else"):
        shell(tmp_path, judge=lambda params: 0.75)
    assert shell(tmp_path, judge=lambda params: 0.5).ended() == 1


def test_what_others_work_on_is_not_begun_anew(tmp_path: Path) -> None:
    (claim,) = shell(tmp_path).claim(1, 1, sampler)
    with pytest.raises(LicError, match="another process works on the search"):
        shell(tmp_path, anew=True)
    claim.lock.close()
    assert shell(tmp_path, anew=True).study.trials == []
