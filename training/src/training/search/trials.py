"""The trials of a search and their results."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation import SliceMetrics
from training.parameters import LEAST_TRIALS
from training.search.parity import Parity
from training.search.threshold import Decision
from use_cases import UseCase, combinations, default_parameters

Fold = tuple[np.ndarray, np.ndarray]
"""Row numbers to fit on, and to judge on."""


@dataclass(frozen=True)
class Trial:
    """One candidate with one setting of its parameters."""

    number: int
    candidate: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class TrialResult:
    """How good a trial is on training rows that its models were not fitted on.

    `decision` was chosen on the out-of-fold answers to all training rows, `score` is the use
    case's metric of all of them together under it and `folds` that of each fold; `ranking` is
    their average precision, which no threshold enters (for numbers their R2); `seconds` is the time
    its models took to fit. `lower_is_better` says that the metric is an error; `parity` compares
    the model of one fold with its graph. `unseen` has the metrics of each of several sources under
    models that have not seen it.
    """

    trial: Trial
    score: float
    folds: tuple[float, ...]
    ranking: float
    seconds: float
    decision: Decision
    unseen: tuple[SliceMetrics, ...] = ()
    lower_is_better: bool = False
    parity: Parity | None = None

    @property
    def excluded(self) -> str | None:
        """Why the trial may not win; `None`: it may."""
        return None if self.parity is None else self.parity.excluded

    @property
    def merit(self) -> float:
        """The score, negated where the metric is an error: higher is better."""
        return -self.score if self.lower_is_better else self.score

    @property
    def fold_merits(self) -> tuple[float, ...]:
        """The scores of the folds, negated where the metric is an error."""
        return tuple(-one if self.lower_is_better else one for one in self.folds)


def defaults(case: UseCase) -> list[Trial]:
    """Return one trial per candidate, with its defaults."""
    return [
        Trial(number, one.name, default_parameters(one.space))
        for number, one in enumerate(case.training().candidates())
    ]


def planned_trials(case: UseCase, wanted: int) -> int:
    """Return how many trials are made: `wanted` or, where that is 0, one per candidate and at least
    `LEAST_TRIALS`; no more than there are different ones.
    """
    trials = wanted or max(LEAST_TRIALS, len(case.training().candidates()))
    return int(min(trials, settings(case)))


def settings(case: UseCase) -> float:
    """Return how many different trials there can be; infinite with ranges of numbers."""
    return sum(combinations(one.space) for one in case.training().candidates())
