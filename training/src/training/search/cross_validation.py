"""The search for the best model: rounds of cross-validated trials, whose folds are fitted as
parallel Ray tasks.

The first round has every candidate with its defaults, later ones what the results suggest. A round
has the same trials on every machine, and results are used in the order of their trials: the outcome
depends on data and seed, not on the number of cores or on which task was quickest.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import ray

from evaluation import prediction_metrics, require_metric
from platform_core.contracts.tasks import ERROR_METRICS
from training.search.answers import labelled_answers
from training.search.calibration import interval_decision
from training.search.fitting import FoldPredictions, answer_fold
from training.search.folds import folds
from training.search.ranking import ranked, winner
from training.search.suggestions import rounds
from training.search.threshold import Decision, choose_decision
from training.search.trials import Fold, Trial, TrialResult
from training.search.unseen import unseen_sources
from use_cases import UseCase

SECONDS_PER_MINUTE = 60


@dataclass(frozen=True)
class Budget:
    """The limits of a search: `trials` in all; after `minutes` no further round starts (0: no
    limit).
    """

    trials: int
    minutes: float = 0


@dataclass(frozen=True)
class SearchResult:
    """Results, best first (see `ranked`); `complete` is false when the minutes ran out before the
    trials: the machine's speed then decided what was tried.
    """

    results: list[TrialResult]
    complete: bool

    @property
    def best(self) -> TrialResult:
        """The best trial.

        Raises:
            ReleaseRefused: no trial may win; the message says why.
        """
        return winner(self.results)


def search(
    case: UseCase,
    features: pa.Table,
    budget: Budget,
    seed: int,
    finished: Callable[[TrialResult], None],
    *,
    clock: Callable[[], float] = time.monotonic,
) -> SearchResult:
    """Cross-validate trials until the budget is spent; `finished` is called with each result as it
    ends.

    `features` has `label`, `cluster` and the model's input. Needs a connected Ray.

    Raises:
        InvalidData: the rows cannot be split into folds (see `folds`).
    """
    cross_validation = _CrossValidation(case, features, folds(case, features, seed), seed)
    results: list[TrialResult] = []
    start = clock()
    for planned in rounds(case, budget.trials, seed, results):
        spent = (clock() - start) / SECONDS_PER_MINUTE
        if results and 0 < budget.minutes <= spent:
            return SearchResult(ranked(results), complete=False)
        done = list(_reported(cross_validation.run(planned), finished))
        results.extend(sorted(done, key=lambda result: result.trial.number))
    return SearchResult(ranked(results), complete=True)


def _reported(
    results: Iterator[TrialResult], finished: Callable[[TrialResult], None]
) -> Iterator[TrialResult]:
    for result in results:
        finished(result)
        yield result


class _CrossValidation:
    """Cross-validates trials on the same folds."""

    def __init__(self, case: UseCase, features: pa.Table, made: list[Fold], seed: int) -> None:
        self._case, self._folds, self._seed = case, made, seed
        self._features, self._labels = features, features["label"].combine_chunks()
        self._shared = [ray.put(features), *(ray.put(fold) for fold in made)]

    def run(self, trials: Sequence[Trial]) -> Iterator[TrialResult]:
        """Yield the results as the trials end."""
        features, *shared = self._shared
        tasks = {
            answer_fold.remote(self._case.name, features, fold, trial, self._seed, number == 0): (
                trial,
                number,
            )
            for trial in trials
            for number, fold in enumerate(shared)
        }
        answers: dict[int, dict[int, FoldPredictions]] = {trial.number: {} for trial in trials}
        pending = list(tasks)
        while pending:
            (done,), pending = ray.wait(pending, num_returns=1)
            trial, number = tasks[done]
            answers[trial.number][number] = ray.get(done)
            if len(answers[trial.number]) == len(shared):
                yield self._result(trial, answers.pop(trial.number))

    def _result(self, trial: Trial, answers: dict[int, FoldPredictions]) -> TrialResult:
        """Pool the answers of the folds, choose the decision (for numbers, the intervals) on them,
        and measure them under it.

        The threshold is chosen on the pooled answers, so candidates are compared on them as well:
        each at the threshold that it would get.
        """
        columns = [len(self._case.classes)] if self._case.classes else []
        pooled = np.empty((len(self._labels), *columns))
        for number, (_, held_out) in enumerate(self._folds):
            pooled[held_out] = answers[number].values
        decision = self._decision(pooled)
        everything = self._metrics(decision, np.arange(len(pooled)), pooled)
        folds = [self._metrics(decision, rows, pooled) for _, rows in self._folds]
        unseen = unseen_sources(self._case, self._features, self._folds, pooled)
        metric = self._case.training().metric
        return TrialResult(
            trial=trial,
            score=require_metric(everything, metric),
            folds=tuple(require_metric(metrics, metric) for metrics in folds),
            ranking=everything["average_precision" if self._case.classes else "r2"],
            seconds=sum(answer.seconds for answer in answers.values()),
            decision=decision,
            unseen=tuple(unseen),
            lower_is_better=metric in ERROR_METRICS,
            parity=answers[0].parity,
        )

    def _decision(self, pooled: np.ndarray) -> Decision:
        truth = np.asarray(self._labels.to_pylist())
        if self._case.classes:
            return choose_decision(self._case, truth, pooled)
        why = "the residuals of the answers outside each fold's fit"
        return interval_decision(self._case, truth, pooled, why)

    def _metrics(
        self, decision: Decision, rows: np.ndarray, pooled: np.ndarray
    ) -> dict[str, float]:
        labels = self._labels.take(pa.array(rows))
        return prediction_metrics(labelled_answers(self._case, labels, pooled[rows], decision.rule))
