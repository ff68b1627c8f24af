"""Fitting models in Ray tasks, the same to the bit on every number of cores.

The order of a sum depends on the number of threads, and with it the last bit of a weight. Ray
gives the libraries of a task as many threads as the task has CPUs: here always one.
"""

import time
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import pyarrow as pa
import ray
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from platform_core.errors import InvalidInput
from training.search.models import answers, candidate, model_input
from training.search.parity import Parity, compared
from training.search.sources import WEIGHT
from training.search.trials import Fold, Trial
from use_cases import UseCase, use_case

MAX_STARTED_WORKERS = 16


@dataclass(frozen=True)
class FoldPredictions:
    """Answers (see `models.answers`) to the rows a fold held out, the seconds its model took to
    fit, and how its graph compares on these rows where that was wanted.
    """

    values: np.ndarray
    seconds: float
    parity: Parity | None = None


def start_workers(case: UseCase) -> None:
    """Let Ray start a worker for every CPU, which imports what fitting needs, and do not wait."""
    resources = ray.cluster_resources()  # type: ignore[no-untyped-call]  # Ray
    for _ in range(min(int(resources.get("CPU", 1)), MAX_STARTED_WORKERS)):
        _import_libraries.remote(case.name)


@ray.remote(num_cpus=1)
def _import_libraries(name: str) -> None:
    use_case(name).training().candidates()
    import_module("sklearn.pipeline")


def fit(case: UseCase, features: pa.Table, trial: Trial, seed: int) -> Any:
    """Return a trial's model fitted on all `features` in a Ray task."""
    return ray.get(_fit.remote(case.name, ray.put(features), trial, seed))


@ray.remote(num_cpus=1)
def _fit(name: str, features: pa.Table, trial: Trial, seed: int) -> Any:
    return _fit_here(use_case(name), features, trial, seed)[0]


def compare(case: UseCase, trial: Trial, model: Any, rows: pa.Table) -> Parity:
    """Compare a trial's fitted model with its graph in a Ray task (see `compared`)."""
    return ray.get(_compare.remote(case.name, trial, model, rows))


@ray.remote(num_cpus=1)
def _compare(name: str, trial: Trial, model: Any, rows: pa.Table) -> Parity:
    return compared(use_case(name), trial.candidate, model, rows)


@ray.remote(num_cpus=1)
def answer_fold(
    name: str, features: pa.Table, fold: Fold, trial: Trial, seed: int, compare: bool
) -> FoldPredictions:
    """Fit a trial on one side of a fold and answer the other; `compare` its graph there."""
    case = use_case(name)
    train, held_out = fold
    model, seconds = _fit_here(case, features.take(train), trial, seed)
    rows = features.take(held_out)
    parity = compared(case, trial.candidate, model, rows) if compare else None
    return FoldPredictions(answers(case, model, rows), seconds, parity)


def _fit_here(case: UseCase, features: pa.Table, trial: Trial, seed: int) -> tuple[Any, float]:
    start = time.perf_counter()
    model = candidate(case, trial.candidate).build(trial.parameters, seed)
    fitted(model, model_input(case, features), features)
    return model, time.perf_counter() - start


def fitted(model: Any, inputs: Any, features: pa.Table) -> Any:
    """Return `model` fitted on `inputs` [N, F], with `label` and, if any, `weight` of `features`.

    Raises:
        InvalidInput: there are weights, and the model cannot weigh rows.
    """
    return model.fit(inputs, features["label"].to_pylist(), **_sample_weights(model, features))


def _sample_weights(model: Any, features: pa.Table) -> dict[str, np.ndarray]:
    """Return the argument of `fit` with the weights of the rows, none where they have none."""
    if WEIGHT not in features.column_names:
        return {}
    last = model.steps[-1] if isinstance(model, Pipeline) else ("", model)
    if not has_fit_parameter(last[1], "sample_weight"):
        raise InvalidInput(
            f"{type(last[1]).__name__} cannot weigh rows; leave WEIGHTS out, or remove the "
            "candidate from the use case"
        )
    prefix = f"{last[0]}__" if last[0] else ""
    return {f"{prefix}sample_weight": features[WEIGHT].to_numpy()}
