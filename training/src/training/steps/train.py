"""Train: the search over candidates on Ray, and the best one fitted on all training rows."""

from __future__ import annotations

import pickle
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from data_pipeline.columns import ROW_ID, TEST, TRAIN
from data_pipeline.feedback.known import read_known
from data_pipeline.ray_session import ray_session
from data_pipeline.stored import read_features
from data_pipeline.versions.manifest import read_manifest
from platform_core.contracts.release import DecisionRule
from releases.catalogue.model_card import TrialSummary
from training.progress import show
from training.results import FeaturesResult, TrainResult
from training.search.fitting import compare, fit, start_workers
from training.search.threshold import Decision
from training.search.trials import TrialResult, planned_trials
from training.steps.context import StepContext
from training.tracking.libraries import libraries
from use_cases import UseCase

if TYPE_CHECKING:
    import pyarrow as pa

    from training.tracking.experiment import Experiment


def run(context: StepContext, features: FeaturesResult) -> TrainResult:
    """Search, and fit the best model. Each trial is an MLflow run below the run of the pipeline.

    The MLflow run ends with this step; later steps add to it.

    Raises:
        Conflict: another process trains this run.
        InvalidData: the rows cannot be split into folds.
        ReleaseRefused: no candidate has an ONNX graph with the same answers.
        UpstreamUnavailable: Ray or MLflow does not answer.
    """
    with ray_session():
        start_workers(context.case)
        # The workers start while this process imports MLflow.
        from training.tracking.run_end import end_killed_runs, ended, training_lock

        runs, name = context.services.settings.platform_home / "runs", context.run.run_id
        experiment = context.services.experiment(context.case.name)
        with training_lock(runs, name):
            end_killed_runs(experiment, runs, name)
            run_id = _start(context, experiment, features.dataset_version)
            with ended(experiment, run_id):
                return _train(context, experiment, run_id, features.dataset_version)


def _train(
    context: StepContext, experiment: Experiment, run_id: str, dataset_version: str
) -> TrainResult:
    # The workers start while this process imports scikit-learn.
    from training.search.cross_validation import Budget, search
    from training.search.live import with_live_rows
    from training.search.ranking import explained
    from training.search.sources import with_origins

    case, given = context.case, context.parameters
    rows = with_origins(
        read_features(context.store, case, dataset_version, TRAIN),
        read_manifest(context.store, case.name, dataset_version).pooled,
        given.source_weights,
    )
    live = read_known(context.store, case, dataset_version)[ROW_ID].combine_chunks()
    rows = with_live_rows(rows, live, case.training().live_weight)
    planned = planned_trials(case, given.trials)
    start = time.perf_counter()
    budget = Budget(planned, given.budget_minutes)
    finished = _FinishedTrials(context, experiment, run_id, planned)
    found = search(case, rows, budget, given.seed, finished)
    if not found.complete:
        show(_budget_spent(len(found.results), planned, given.budget_minutes))
    test = read_features(context.store, case, dataset_version, TEST)
    results, model, decision = _winner(case, rows, test, found.results, given.seed)
    best = results[0]
    for one in best.unseen:
        figures = ", ".join(f"{name} {m.value:.4f}" for name, m in one.metrics.items())
        show(f"{one.name}, unseen: {figures}")
    show(f"best: {best.trial.candidate} {best.trial.parameters}; decision: {decision.why}")
    if reason := explained(results, case.training().metric):
        show(reason)
    seconds = time.perf_counter() - start
    path = context.write("model.pkl", pickle.dumps(model))
    best_score = {f"cv_{case.training().metric}": best.score}
    tags = {"candidate": best.trial.candidate}
    experiment.log(run_id, context.services.clock.now(), best_score, tags)
    return TrainResult(
        run_id=run_id,
        candidate=best.trial.candidate,
        parameters=best.trial.parameters,
        cross_validated=best.score,
        fit_seconds=seconds,
        seed=given.seed,
        decision=decision.rule,
        decision_why=decision.why,
        complete=found.complete,
        trials=tuple(_trial(result) for result in results),
        unseen=best.unseen,
        model_path=path,
        libraries=libraries(model),
    )


def _winner(
    case: UseCase, rows: pa.Table, test: pa.Table, results: list[TrialResult], seed: int
) -> tuple[list[TrialResult], Any, Decision]:
    """Return the results, the winner first, with its model fitted on `rows` and its decision.

    The graph must answer the rows of the test split as the model does (their labels are not used);
    otherwise the next best trial wins.

    Raises:
        ReleaseRefused: no trial may win; the message says why.
    """
    from training.search.ranking import ranked, winner

    while True:
        best = winner(results)
        model, decision = _fitted(case, rows, best, seed)
        checked = replace(best, parity=compare(case, best.trial, model, test))
        if checked.excluded is None:
            return results, model, decision
        show(_exclusion(checked))
        results = ranked([checked, *results[1:]])


def _exclusion(result: TrialResult) -> str:
    trial = result.trial
    return f"excluded: {trial.candidate} {trial.parameters}: {result.excluded}"


def _fitted(case: UseCase, rows: pa.Table, best: TrialResult, seed: int) -> tuple[Any, Decision]:
    """Return the best trial's model fitted on all rows with its decision; for a number on all but
    those that its intervals are calibrated on.
    """
    if case.task != "regression":
        from training.search.live import live_decision

        decision = live_decision(case, rows, best.trial, seed) or best.decision
        return fit(case, rows, best.trial, seed), decision
    from training.search.calibration import calibrated, calibration_rows

    fitting, calibrating = calibration_rows(case, rows, seed)
    model = fit(case, rows.take(fitting), best.trial, seed)
    return model, calibrated(case, model, rows.take(calibrating))


class _FinishedTrials:
    """Shows and logs each trial as it ends."""

    def __init__(
        self, context: StepContext, experiment: Experiment, run_id: str, planned: int
    ) -> None:
        self._metric, self._clock = context.case.training().metric, context.services.clock
        self._experiment, self._run_id = experiment, run_id
        self._planned, self._done = planned, 0

    def __call__(self, result: TrialResult) -> None:
        trial = result.trial
        self._done += 1
        show(
            f"trial {self._done}/{self._planned}: {trial.candidate} {self._metric} "
            f"{result.score:.4f} in {result.seconds:.1f} s {trial.parameters}"
        )
        if result.excluded is not None:
            show(_exclusion(result))
        child = self._experiment.start(
            f"{trial.candidate}-{trial.number}",
            {"candidate": trial.candidate, **trial.parameters},
            metrics=_metrics(self._metric, result),
            time=self._clock.now(),
            parent=self._run_id,
        )
        self._experiment.end(child)


def _start(context: StepContext, experiment: Experiment, dataset_version: str) -> str:
    from training.tracking.experiment import log_data

    given = context.parameters
    parameters = {
        "dataset_version": dataset_version,
        "trials": planned_trials(context.case, given.trials),
        "seed": given.seed,
        "budget_minutes": given.budget_minutes,
    }
    tags = {f"library.{name}": version for name, version in libraries().items()}
    run_id = experiment.start(context.run.run_id, parameters, tags)
    log_data(context.store, experiment, run_id, context.case.name, dataset_version)
    return run_id


def _metrics(metric: str, result: TrialResult) -> dict[str, float]:
    folds = {f"fold_{number}_{metric}": score for number, score in enumerate(result.folds)}
    rule = result.decision.rule
    ranking = "cv_average_precision" if isinstance(rule, DecisionRule) else "cv_r2"
    metrics = {
        ranking: result.ranking,
        f"cv_{metric}": result.score,
        "fit_seconds": result.seconds,
        **folds,
    }
    if (threshold := _threshold(result)) is not None:
        metrics["threshold"] = threshold
    return metrics


def _threshold(result: TrialResult) -> float | None:
    rule = result.decision.rule
    return rule.threshold if isinstance(rule, DecisionRule) else None


def _budget_spent(done: int, planned: int, minutes: float) -> str:
    return (
        f"the budget of {minutes:g} minutes is spent after {done} of {planned} trials: what was "
        "tried, and so the result, depends on how fast this machine is"
    )


def _trial(result: TrialResult) -> TrialSummary:
    return TrialSummary(
        number=result.trial.number,
        candidate=result.trial.candidate,
        parameters=result.trial.parameters,
        score=result.score,
        folds=result.folds,
        ranking=result.ranking,
        seconds=result.seconds,
        excluded=result.excluded,
        threshold=_threshold(result),
    )
