"""The trials of a search, in a journal beside its points. Several shells may work on them together.

search.journal        Optuna's, a study for every space that was searched
.search/journal.lock  held while anything is written, so that no two processes take the same trial
.search/NAME-7.lock   held by the process that works on trial 7; if nobody holds it, that process is dead

A study stores the fixed settings and the objective. If they differ from the command's, the search is refused. If only
the space differs, the trials inside the new space are reused, as the value of a point does not depend on the space.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any, NamedTuple

import optuna
from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from common.errors import LicError
from common.run.locks import held, take, waiting_for
from common.run.settings import changed, flatten

log = logging.getLogger(__name__)

JOURNAL, LOCKS = "search.journal", ".search"
QUESTION, SPACE = "question", "space"  # of a study: what is known about it
TAKEN_OVER, INSTEAD_OF = "taken over", "instead of"  # of a trial: where its value comes from
OF_ITS_OWN = "give this one another name=…, or begin it anew there with overwrite=true."
ENDED = (TrialState.COMPLETE, TrialState.FAIL)

Space = dict[str, BaseDistribution]
Judge = Callable[[Mapping[str, Any]], float | None]  # parameters of a trial -> its value, None where there is none


class Claim(NamedTuple):
    """A trial that this process works on, and the locks of others who try the very same."""

    number: int
    params: dict[str, Any]
    lock: IO[str]
    after: list[Path]


class Trials:
    """Those of the search for the best of `space` in `folder`.

    Args:
        question: what the values depend on besides the parameters, as JSON holds it.
        judge: what the points of a trial give, if they are finished.
        anew: forget what is there.

    Raises:
        LicError: the folder holds the search of another question.
    """

    def __init__(
        self, folder: Path, question: dict[str, Any], space: Space, direction: str, judge: Judge, anew: bool = False
    ) -> None:
        self.folder, self.space = folder, space
        with self.lock():
            whole_lines(folder / JOURNAL)
            self.storage = JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
            names = optuna.get_all_study_names(self.storage)
            if anew:
                self._forget(names)
                names = []
            studies = [optuna.load_study(study_name=name, storage=self.storage) for name in names]
            for study in studies:
                same_question(study, question, judge, folder)
            text = written(space)
            known = [study for study in studies if study.user_attrs[SPACE] == text]
            self.study = known[0] if known else self._begin(studies, question, text, direction)
            self._revive(judge)

    def lock(self) -> AbstractContextManager[None]:
        return waiting_for(self.folder / LOCKS / "journal.lock")

    def claim(self, count: int, at_once: int, sampler: Callable[[int], optuna.samplers.BaseSampler]) -> list[Claim]:
        """Up to `at_once` trials for this process, until there are `count` in all: those of dead ones first.

        Args:
            sampler: gives that which proposes new trials, told how many there are.
        """
        with self.lock():
            trials = self.study.get_trials(deepcopy=False)
            live, dead = self._running(trials)
            room = max(0, min(at_once, count - self.ended() - len(live)))
            for _, opened in dead[room:]:
                opened.close()
            taken = [Claim(trial.number, trial.params, opened, []) for trial, opened in dead[:room]]
            self.study.sampler = sampler(len(trials))
            for _ in range(room - len(taken)):
                asked = self.study.ask(self.space)
                lock = take(self._lock_of(asked.number))
                assert lock is not None, "its number is new"
                same = [self._lock_of(other.number) for other in live if other.params == asked.params]
                taken.append(Claim(asked.number, asked.params, lock, same))
            return taken

    def settle(self, claim: Claim, value: float | None) -> None:
        """Write down what a trial has given; None: it has failed."""
        with self.lock():
            self.study.tell(claim.number, value, TrialState.COMPLETE if value is not None else TrialState.FAIL)
            claim.lock.close()
            self._lock_of(claim.number).unlink(missing_ok=True)

    def ended(self) -> int:
        """How many have ended; one that was mended counts once."""
        trials = self.study.get_trials(deepcopy=False, states=ENDED)
        return len(trials) - sum(INSTEAD_OF in trial.user_attrs for trial in trials)

    def elsewhere(self) -> int:
        """How many other processes are at work on."""
        with self.lock():  # else a look at a lock might be in the way of who takes it
            return sum(held(self._lock_of(trial.number)) for trial in self._of(TrialState.RUNNING))

    def _of(self, *states: TrialState) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=states)

    def _lock_of(self, number: int) -> Path:
        return self.folder / LOCKS / f"{self.study.study_name}-{number}.lock"

    def _running(self, trials: list[FrozenTrial]) -> tuple[list[FrozenTrial], list[tuple[FrozenTrial, IO[str]]]]:
        """Running trials of processes that live, and those of dead ones with their locks, which are now ours."""
        live, dead = [], []
        for trial in trials:
            if trial.state != TrialState.RUNNING:
                continue
            if (opened := take(self._lock_of(trial.number))) is None:
                live.append(trial)
            elif trial.params.keys() == self.space.keys():
                dead.append((trial, opened))
            else:  # its process died while it was being asked for: there is nothing to go on with
                opened.close()
                self.study.tell(trial.number, state=TrialState.PRUNED)
        return live, dead

    def _begin(self, others: list[optuna.Study], question: dict[str, Any], text: str, direction: str) -> optuna.Study:
        name = "search" if not others else f"search-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
        study = optuna.create_study(storage=self.storage, study_name=name, direction=direction)  # type: ignore[arg-type]
        study.set_user_attr(QUESTION, question)
        study.set_user_attr(SPACE, text)
        before = [trial for other in others for trial in other.get_trials(states=(TrialState.COMPLETE,))]
        kept = [new for trial in before if TAKEN_OVER not in trial.user_attrs and (new := self._within(trial))]
        study.add_trials(kept)
        if before:
            log.info("The space is another: %d trials of before lie in it and are taken over.", len(kept))
        return study

    def _within(self, trial: FrozenTrial) -> FrozenTrial | None:
        """`trial` as one of this space; None where it lies outside."""
        try:
            return optuna.trial.create_trial(
                params=trial.params, distributions=self.space, value=trial.value, user_attrs={TAKEN_OVER: trial.number}
            )
        except ValueError:
            return None

    def _revive(self, judge: Judge) -> None:
        """Count what has failed by what it gives after all: its points may have been retried since."""
        mended = {trial.user_attrs.get(INSTEAD_OF) for trial in self._of(TrialState.COMPLETE)}
        for trial in self._of(TrialState.FAIL):
            complete = trial.params.keys() == self.space.keys() and trial.number not in mended
            if complete and (value := judge(trial.params)) is not None:
                self.study.add_trial(
                    optuna.trial.create_trial(
                        params=trial.params,
                        distributions=trial.distributions,
                        value=value,
                        user_attrs={INSTEAD_OF: trial.number},
                    )
                )

    def _forget(self, names: list[str]) -> None:
        locks = (self.folder / LOCKS).glob("*-*.lock")
        if any(held(lock) for lock in locks):
            raise LicError(f"another process works on the search in {self.folder}: stop it before overwrite=true.")
        for name in names:
            optuna.delete_study(study_name=name, storage=self.storage)


def same_question(study: optuna.Study, question: dict[str, Any], judge: Judge, folder: Path) -> None:
    """Raise `LicError` where `study` asked something else; one that does not say is known by its values."""
    if QUESTION not in study.user_attrs:
        done = study.get_trials(states=(TrialState.COMPLETE,))
        if any(judge(trial.params) != trial.value for trial in done):
            raise LicError(f"{folder} holds an older search that asked something else: {OF_ITS_OWN}")
        study.set_user_attr(QUESTION, question)
        study.set_user_attr(SPACE, written(study.trials[0].distributions if study.trials else {}))
    before = study.user_attrs[QUESTION]
    if different := changed(before, question):
        there, here = flatten(before), flatten(question)
        said = [f"{key} {there.get(key)} there, {here.get(key)} here" for key in different[:3]]
        more = f" and {len(different) - 3} more" if len(different) > 3 else ""
        raise LicError(f"{folder} holds a search that asked something else ({'; '.join(said)}{more}): {OF_ITS_OWN}")


def written(space: Mapping[str, BaseDistribution]) -> str:
    return json.dumps({name: json.loads(distribution_to_json(space[name])) for name in sorted(space)})


def whole_lines(journal: Path) -> None:
    """Cut off a last line that was not written to its end: what is appended to it could not be read."""
    content = journal.read_bytes() if journal.exists() else b""
    if content and not content.endswith(b"\n"):
        with journal.open("r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)
