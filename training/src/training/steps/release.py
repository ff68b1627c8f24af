"""Release: everything that decides behaviour under one hash, judged against production."""

import io
from collections.abc import Mapping

import pyarrow.parquet as pq

from data_pipeline.columns import TEST
from data_pipeline.sources import shown
from data_pipeline.stored import read_features
from data_pipeline.versions.manifest import read_manifest
from evaluation import LabelledPredictions
from evaluation.quality import class_cells
from platform_core.contracts.quality_report import CalibrationCell
from platform_core.contracts.release import GateCheck, Lineage
from platform_core.errors import GateRefused
from platform_core.ledger import Ledger
from platform_core.pages import svg
from platform_core.storage import baseline_path, release_path
from releases.catalogue.model_card import CARD_HTML, CARD_JSON
from releases.deployers.images import pinned_image
from releases.gates import admit, load_champion, rows_unseen_by, run_gates
from scoring import Release, build_release
from training.card.card import model_card
from training.card.evaluation import labelled_predictions
from training.card.page import card_page
from training.card.plots import evaluation_plots
from training.card.slices import slices_of_test_part
from training.progress import show
from training.results import (
    EvaluationResult,
    FeaturesResult,
    ModelResult,
    ReleaseResult,
    TrainResult,
)
from training.steps.context import StepContext
from training.steps.served_baseline import served_baseline
from training.tracking.libraries import use_case_package


def run(
    context: StepContext,
    features: FeaturesResult,
    model: TrainResult,
    evaluated: EvaluationResult,
) -> ReleaseResult:
    """Build the release, judge it, and store it with the verdict and its card.

    Raises:
        GateRefused: a gate did not pass; the release is kept under `refused/`.
        UpstreamUnavailable: the online store does not answer.
    """
    return release_model(context, features, model, evaluated)


def release_model(
    context: StepContext,
    features: FeaturesResult,
    model: ModelResult,
    evaluated: EvaluationResult,
) -> ReleaseResult:
    """Do so for any model that was evaluated."""
    store, case = context.store, context.case
    version, view = features.dataset_version, features.feature_view_version
    onnx = store.read(evaluated.graph_path)
    baseline = served_baseline(context, onnx, model.decision, version, view)
    built = build_release(case, onnx, baseline, view, model.decision)
    checks = _judge(context, built, version, evaluated.largest_difference)
    lineage = _lineage(context, built.id, features, model, evaluated, checks)
    documents, figures = _documents(context, built, lineage, model, evaluated)
    store.write(baseline_path(case.name, built.id), baseline)
    try:
        admit(store, built, lineage, documents)
    except GateRefused:
        _log_refusal(context, model.run_id, evaluated, {**documents, **figures})
        raise
    return ReleaseResult(
        release_id=built.id,
        release_path=release_path(case.name, built.id),
        card_path=release_path(case.name, built.id, CARD_HTML),
        candidate=model.candidate,
        run_id=model.run_id,
        dataset_version=version,
        metrics=evaluated.metrics,
        figure_paths={name: context.write(name, data) for name, data in figures.items()},
    )


def _judge(
    context: StepContext, built: Release, dataset_version: str, parity: float | None
) -> tuple[GateCheck, ...]:
    store, case = context.store, context.case
    test = read_features(store, case, dataset_version, TEST)
    current = load_champion(store, Ledger(store, context.services.clock), case.name)
    unseen = rows_unseen_by(current, test, store, case.name)
    kinds = slices_of_test_part(store, case, dataset_version)
    checks = run_gates(case, built, test, parity, current, unseen, kinds)
    show_checks(checks)
    return checks


def show_checks(checks: tuple[GateCheck, ...]) -> None:
    """Show the verdict of each gate."""
    for verdict in checks:
        value = "" if verdict.value is None else f" {verdict.value:.4g}"
        word = "passed" if verdict.passed else "FAILED"
        show(f"{word}  {verdict.name}{value}: {verdict.detail}")


def _documents(
    context: StepContext,
    built: Release,
    lineage: Lineage,
    model: ModelResult,
    evaluation: EvaluationResult,
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return the model card and its figures by file name."""
    case = context.case
    card = model_card(context.store, case, built.manifest, lineage, model, evaluation)
    answers = pq.read_table(io.BytesIO(context.store.read(evaluation.answers_path)))
    plots = evaluation_plots(case, answers, card.decision)
    figures = {name: svg(figure) for name, figure in plots.items()}
    documents = {
        CARD_JSON: card.model_dump_json(indent=1).encode(),
        CARD_HTML: card_page(case, card, figures),
    }
    return documents, {name: picture.encode() for name, picture in figures.items()}


def _lineage(
    context: StepContext,
    release_id: str,
    features: FeaturesResult,
    model: ModelResult,
    evaluation: EvaluationResult,
    checks: tuple[GateCheck, ...],
) -> Lineage:
    settings, parameters = context.services.settings, context.parameters
    return Lineage(
        release_id=release_id,
        created_at=context.services.clock.now(),
        dataset_version=features.dataset_version,
        data_source=shown(parameters.data),
        pipeline_run=context.run.run_id,
        pipeline_parameters=parameters.public(),
        candidate=model.candidate,
        parameters=model.parameters,
        metrics=evaluation.metrics,
        gates=checks,
        run_id=model.run_id,
        git_sha=parameters.git_sha or None,
        image_digest=settings.training_image,
        serving_image=pinned_image(settings.serving_image),
        rows=read_manifest(context.store, context.case.name, features.dataset_version).rows_read,
        use_case_package=use_case_package(context.case.name),
        libraries=model.libraries,
        imported=model.imported,
        calibration=_calibration(context, evaluation),
    )


def _calibration(context: StepContext, evaluation: EvaluationResult) -> tuple[CalibrationCell, ...]:
    """Return the probabilities and labels of the test rows, counted; none for numbers."""
    table = pq.read_table(io.BytesIO(context.store.read(evaluation.answers_path)))
    rows = labelled_predictions(context.case, table)
    if not isinstance(rows, LabelledPredictions):
        return ()
    return tuple(class_cells(context.case.classes, rows.probabilities, rows.labels))


def _log_refusal(
    context: StepContext, run_id: str, evaluation: EvaluationResult, files: Mapping[str, bytes]
) -> None:
    experiment = context.services.experiment(context.case.name)
    experiment.log(run_id, context.services.clock.now(), evaluation.metrics)
    experiment.files(run_id, files)
    experiment.end(run_id, "FAILED")
