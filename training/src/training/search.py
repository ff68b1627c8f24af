"""Which model: rounds of cross-validated trials, their folds fitted as parallel Ray tasks.

First every candidate with its defaults, then what the results so far suggest. A round has the
same trials on every machine, and its results are learned from in their trials' order: what is
found depends on data and seed, not on how many cores there were or which task was quickest.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import ray

from evaluation import LabelledPredictions, classification_metrics, require_metric
from scoring.decision import decide
from training.fitting import Answers, answer_fold
from training.folds import Fold, folds
from training.ranking import ranked
from training.suggestions import rounds
from training.threshold import Decision, choose_decision
from training.trials import Trial, TrialResult
from use_cases import UseCase

SECONDS_PER_MINUTE = 60


@dataclass(frozen=True)
class Budget:
    """How much a search may take: `trials` in all; after `minutes` no further round begins
    (0: no limit).
    """

    trials: int
    minutes: float = 0


@dataclass(frozen=True)
class Found:
    """Results, best first (see `ranked`); `complete` is false when the minutes were spent before
    the trials: the machine's speed then decided what was tried.
    """

    results: list[TrialResult]
    complete: bool

    @property
    def best(self) -> TrialResult:
        """The best trial."""
        return self.results[0]


def search(
    case: UseCase,
    features: pa.Table,
    budget: Budget,
    seed: int,
    finished: Callable[[TrialResult], None],
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Found:
    """Cross-validate trials until the budget is spent; `finished` hears of each as it ends.

    `features` has `label`, `cluster` and the model's input. Needs a connected Ray.

    Raises:
        InvalidData: the rows cannot be split into folds (see `folds`).
    """
    jury = _Jury(case, features, folds(case, features, seed), seed)
    results: list[TrialResult] = []
    start = clock()
    for planned in rounds(case, budget.trials, seed, results):
        spent = (clock() - start) / SECONDS_PER_MINUTE
        if results and 0 < budget.minutes <= spent:
            return Found(ranked(results), complete=False)
        done = list(_announced(jury.judge(planned), finished))
        results.extend(sorted(done, key=lambda result: result.trial.number))
    return Found(ranked(results), complete=True)


def _announced(
    results: Iterator[TrialResult], finished: Callable[[TrialResult], None]
) -> Iterator[TrialResult]:
    for result in results:
        finished(result)
        yield result


class _Jury:
    """Judges trials on the same folds."""

    def __init__(self, case: UseCase, features: pa.Table, made: list[Fold], seed: int) -> None:
        self._case, self._folds, self._seed = case, made, seed
        self._labels = features["label"].combine_chunks()
        self._shared = [ray.put(features), *(ray.put(fold) for fold in made)]

    def judge(self, trials: Sequence[Trial]) -> Iterator[TrialResult]:
        """Yield the results as the trials end."""
        features, *shared = self._shared
        tasks = {
            answer_fold.remote(self._case.name, features, fold, trial, self._seed): (trial, number)
            for trial in trials
            for number, fold in enumerate(shared)
        }
        answers: dict[int, dict[int, Answers]] = {trial.number: {} for trial in trials}
        pending = list(tasks)
        while pending:
            (done,), pending = ray.wait(pending, num_returns=1)
            trial, number = tasks[done]
            answers[trial.number][number] = ray.get(done)
            if len(answers[trial.number]) == len(shared):
                yield self._result(trial, answers.pop(trial.number))

    def _result(self, trial: Trial, answers: dict[int, Answers]) -> TrialResult:
        """Pool the answers of the folds and judge them under the decision that they lead to.

        The pooled answers are what the threshold is chosen on, so they are also what candidates
        are compared on: a candidate is worth what it answers at the threshold it would get.
        """
        pooled = np.empty((len(self._labels), len(self._case.classes)))
        for number, (_, held_out) in enumerate(self._folds):
            pooled[held_out] = answers[number].probabilities
        truth = np.asarray(self._labels.to_pylist())
        decision = choose_decision(self._case, truth, pooled)
        everything = self._metrics(decision, np.arange(len(pooled)), pooled)
        folds = [self._metrics(decision, rows, pooled) for _, rows in self._folds]
        return TrialResult(
            trial=trial,
            score=require_metric(everything, self._case.training().metric),
            folds=tuple(require_metric(metrics, self._case.training().metric) for metrics in folds),
            ranking=everything["average_precision"],
            seconds=sum(answer.seconds for answer in answers.values()),
            decision=decision,
        )

    def _metrics(
        self, decision: Decision, rows: np.ndarray, pooled: np.ndarray
    ) -> dict[str, float]:
        answers = pooled[rows]
        predictions = decide(decision.rule, self._case.classes, answers)
        case, labels = self._case, self._labels.take(pa.array(rows))
        return classification_metrics(
            LabelledPredictions.from_arrow(
                case.classes, case.positive, labels, answers, predictions
            )
        )
