"""Train: the search over candidates on Ray, and the best one fitted on all training rows."""

import pickle
import time
from typing import Any

from data_pipeline import TRAIN, dataset_path, read_manifest
from data_pipeline.stored import read_features
from training.bootstrap import Platform
from training.libraries import libraries
from training.progress import say
from training.ray_session import ray_session
from training.run_folder import MODEL_PICKLE, TRAINING, RunFolder
from training.search import Trial, TrialResult, fit, plan, search
from training.tracking import Tracking
from use_cases import UseCase, use_case


def run(platform: Platform, run: RunFolder, dataset_version: str, trials: int, seed: int) -> str:
    """Search, fit the best and leave it in the run's folder; return the candidate's name.

    Each trial is an MLflow run below the run of the pipeline.
    """
    case = use_case(run.use_case)
    tracking = platform.tracking(case.name)
    parent = _start(platform, tracking, run, dataset_version, {"trials": trials, "seed": seed})
    features = read_features(platform.store, case, dataset_version, TRAIN)
    planned = plan(case, trials, seed)
    with ray_session():
        start = time.perf_counter()
        results = search(
            case, features, planned, seed, _Report(case, tracking, parent, platform, len(planned))
        )
        best = results[0]
        model = fit(case, features, best.trial, seed)
        seconds = time.perf_counter() - start
    run.write(MODEL_PICKLE, pickle.dumps(model))
    run.write_json(TRAINING, _summary(parent, best, seconds))
    tracking.tags(parent, {"candidate": best.trial.candidate})
    tracking.metrics(parent, {f"cv_{case.metric}": best.score}, platform.clock.now())
    return best.trial.candidate


class _Report:
    """Logs each trial as it ends and shows how far the search is."""

    def __init__(
        self, case: UseCase, tracking: Tracking, parent: str, platform: Platform, planned: int
    ) -> None:
        self._case, self._tracking, self._parent = case, tracking, parent
        self._platform, self._planned, self._done = platform, planned, 0

    def __call__(self, result: TrialResult) -> None:
        self._done += 1
        trial: Trial = result.trial
        say(
            f"trial {self._done}/{self._planned}: {trial.candidate} {self._case.metric} "
            f"{result.score:.4f} in {result.seconds:.1f} s {trial.parameters}"
        )
        name = f"{trial.candidate}-{trial.number}"
        parameters = {"candidate": trial.candidate, **trial.parameters}
        child = self._tracking.start(name, parameters, self._parent)
        folds = {f"fold_{n}_{self._case.metric}": score for n, score in enumerate(result.folds)}
        metrics = {f"cv_{self._case.metric}": result.score, "fit_seconds": result.seconds, **folds}
        self._tracking.metrics(child, metrics, self._platform.clock.now())
        self._tracking.end(child)


def _start(
    platform: Platform,
    tracking: Tracking,
    run: RunFolder,
    dataset_version: str,
    parameters: dict[str, Any],
) -> str:
    given = {"dataset_version": dataset_version, **parameters}
    parent = tracking.start(run.run_id, given)
    tracking.tags(parent, {f"library.{name}": v for name, v in libraries().items()})
    manifest = read_manifest(platform.store, run.use_case, dataset_version)
    uri = platform.store.uri(f"{dataset_path(run.use_case, dataset_version)}/records.parquet")
    tracking.dataset(parent, manifest, uri)
    return parent


def _summary(parent: str, best: TrialResult, fit_seconds: float) -> dict[str, Any]:
    return {
        "run_id": parent,
        "candidate": best.trial.candidate,
        "parameters": best.trial.parameters,
        "cross_validated": best.score,
        "fit_seconds": fit_seconds,
    }
