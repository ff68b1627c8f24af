"""Train: the search over candidates on Ray, and the best one fitted on all training rows."""

import pickle
import time
from typing import Any

from data_pipeline import TRAIN
from data_pipeline.ray_session import ray_session
from data_pipeline.stored import read_features
from releases.catalogue.model_card import TrialSummary
from training.bootstrap import Platform
from training.fitting import fit
from training.libraries import libraries
from training.progress import say
from training.run_folder import MODEL_PICKLE, TRAINING, RunFolder
from training.search import Budget, Found, search
from training.tracking import Tracking, log_data
from training.trials import Trial, TrialResult, settings
from use_cases import UseCase, use_case


def run(
    platform: Platform,
    run: RunFolder,
    dataset_version: str,
    trials: int,
    seed: int,
    budget_minutes: float = 0,
) -> str:
    """Search, fit the best and leave it in the run's folder; return the candidate's name.

    Each trial is an MLflow run below the run of the pipeline.
    """
    case = use_case(run.use_case)
    tracking = platform.tracking(case.name)
    parameters = {"trials": trials, "seed": seed, "budget_minutes": budget_minutes}
    parent = _start(platform, tracking, run, dataset_version, parameters)
    features = read_features(platform.store, case, dataset_version, TRAIN)
    planned = min(trials, settings(case))
    with ray_session():
        start = time.perf_counter()
        report = _Report(case, tracking, parent, platform, planned)
        found = search(case, features, Budget(trials, budget_minutes), seed, report)
        if not found.complete:
            say(_stopped(len(found.results), planned, budget_minutes))
        best = found.best
        say(f"best: {best.trial.candidate} {best.trial.parameters}; decision: {best.decision.why}")
        model = fit(case, features, best.trial, seed)
        seconds = time.perf_counter() - start
    run.write(MODEL_PICKLE, pickle.dumps(model))
    run.write_json(TRAINING, _summary(parent, found, seconds, seed))
    tracking.tags(parent, {"candidate": best.trial.candidate})
    tracking.metrics(parent, {f"cv_{case.training().metric}": best.score}, platform.clock.now())
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
            f"trial {self._done}/{self._planned}: {trial.candidate} {self._case.training().metric} "
            f"{result.score:.4f} in {result.seconds:.1f} s {trial.parameters}"
        )
        name = f"{trial.candidate}-{trial.number}"
        parameters = {"candidate": trial.candidate, **trial.parameters}
        child = self._tracking.start(name, parameters, self._parent)
        folds = {
            f"fold_{n}_{self._case.training().metric}": score
            for n, score in enumerate(result.folds)
        }
        metrics = {
            "cv_average_precision": result.ranking,
            f"cv_{self._case.training().metric}": result.score,
            "fit_seconds": result.seconds,
            **folds,
        }
        if (threshold := result.decision.rule.threshold) is not None:
            metrics["threshold"] = threshold
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
    log_data(platform.store, tracking, parent, run.use_case, dataset_version)
    return parent


def _stopped(done: int, planned: int, minutes: float) -> str:
    return (
        f"the budget of {minutes:g} minutes is spent after {done} of {planned} trials: what was "
        "tried, and so the result, depends on how fast this machine is"
    )


def _summary(parent: str, found: Found, fit_seconds: float, seed: int) -> dict[str, Any]:
    best = found.best
    return {
        "run_id": parent,
        "candidate": best.trial.candidate,
        "parameters": best.trial.parameters,
        "cross_validated": best.score,
        "fit_seconds": fit_seconds,
        "seed": seed,
        "decision": best.decision.rule.model_dump(),
        "decision_why": best.decision.why,
        "complete": found.complete,
        "trials": [_trial(result) for result in found.results],
    }


def _trial(result: TrialResult) -> dict[str, Any]:
    summary = TrialSummary(
        number=result.trial.number,
        candidate=result.trial.candidate,
        parameters=result.trial.parameters,
        score=result.score,
        folds=result.folds,
        ranking=result.ranking,
        seconds=result.seconds,
        threshold=result.decision.rule.threshold,
    )
    return summary.model_dump(mode="json")
