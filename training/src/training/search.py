"""Which model: a cross-validated search over candidates, each trial one Ray task."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import ray
from sklearn.model_selection import ParameterSampler, StratifiedKFold

from releases.metrics import chosen, evaluate
from scoring.decision import decide
from training.models import candidate, model_input, probabilities
from use_cases import Candidate, UseCase, use_case

FOLDS = 3


@dataclass(frozen=True)
class Trial:
    """One candidate with one setting of its parameters."""

    number: int
    candidate: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class TrialResult:
    """The metric of each fold and their mean; `seconds` of wall-clock spent fitting."""

    trial: Trial
    folds: tuple[float, ...]
    seconds: float

    @property
    def score(self) -> float:
        """The mean over the folds."""
        return float(np.mean(self.folds))


def plan(case: UseCase, trials: int, seed: int) -> list[Trial]:
    """Return `trials` trials, dealt over the candidates in turn: first every candidate's
    defaults, then settings drawn at random (the same for the same seed).
    """
    streams = [_settings(c, seed) for c in case.candidates()]
    dealt = itertools.chain.from_iterable(
        [(c.name, next(stream, None)) for c, stream in zip(case.candidates(), streams, strict=True)]
        for _ in range(trials)
    )
    drawn = (pair for pair in dealt if pair[1] is not None)
    return [Trial(n, name, p) for n, (name, p) in enumerate(itertools.islice(drawn, trials))]


def search(
    case: UseCase,
    features: pa.Table,
    trials: Sequence[Trial],
    seed: int,
    finished: Callable[[TrialResult], None],
) -> list[TrialResult]:
    """Cross-validate all trials as parallel Ray tasks; `finished` hears of each as it ends.

    Returns the results by score, best first; equal scores keep the order of the trials.
    """
    shared = ray.put(features)
    pending = [_cross_validate.remote(case.name, shared, trial, seed) for trial in trials]
    results: list[TrialResult] = []
    while pending:
        done, pending = ray.wait(pending, num_returns=1)
        results.append(ray.get(done[0]))
        finished(results[-1])
    return sorted(results, key=lambda result: (-result.score, result.trial.number))


def fit(case: UseCase, features: pa.Table, trial: Trial, seed: int) -> Any:
    """Return a trial's model fitted on all `features` in a Ray task."""
    return ray.get(_fit.remote(case.name, ray.put(features), trial, seed))


def _settings(one: Candidate, seed: int) -> Iterator[dict[str, Any]]:
    defaults = {name: values[0] for name, values in one.space.items()}
    yield defaults
    size = int(np.prod([len(values) for values in one.space.values()], dtype=np.int64))
    space = {name: list(values) for name, values in one.space.items()}
    for setting in ParameterSampler(space, n_iter=size, random_state=seed):
        if setting != defaults:
            yield setting


@ray.remote
def _fit(name: str, features: pa.Table, trial: Trial, seed: int) -> Any:
    return _fit_here(use_case(name), features, trial, seed)[0]


@ray.remote
def _cross_validate(name: str, features: pa.Table, trial: Trial, seed: int) -> TrialResult:
    case = use_case(name)
    labels = np.asarray(features["label"].to_pylist())
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    scores, seconds = [], 0.0
    for train, held_out in folds.split(labels, labels):
        model, spent = _fit_here(case, features.take(train), trial, seed)
        scores.append(_score(case, model, features.take(held_out)))
        seconds += spent
    return TrialResult(trial, tuple(scores), seconds)


def _fit_here(case: UseCase, features: pa.Table, trial: Trial, seed: int) -> tuple[Any, float]:
    start = time.perf_counter()
    model = candidate(case, trial.candidate).build(trial.parameters, seed)
    model.fit(model_input(case, features), features["label"].to_pylist())
    return model, time.perf_counter() - start


def _score(case: UseCase, model: Any, features: pa.Table) -> float:
    answers = probabilities(case, model, features)
    predictions = decide(case.decision, case.classes, answers)
    labels = features["label"].combine_chunks()
    return chosen(case, evaluate(case, labels, answers, predictions))
