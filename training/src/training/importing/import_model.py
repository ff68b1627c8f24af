"""Import a finished model: build, check and stage a release with the steps of the pipeline."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from baseline import baseline_bytes, empty_baseline
from data_pipeline.preparation import DataPreparation
from data_pipeline.report import report_path
from data_pipeline.versions.manifest import DatasetManifest
from platform_core.contracts.base import Contract
from platform_core.contracts.release import DecisionRule, ImportedModel, Lineage, Rule
from platform_core.errors import InvalidData, PlatformError
from platform_core.settings import RegistrySettings
from platform_core.storage import FEATURES_FILE, baseline_path, dataset_path, release_path
from releases.catalogue.model_card import CARD_HTML, CARD_JSON
from releases.deployers.images import pinned_image
from releases.gates import admit, structural_gates
from scoring import build_release
from training.bootstrap import TrainingServices
from training.card.card import measured, unmeasured_card
from training.card.page import card_page
from training.importing.estimators import adapt_estimator, original_answers
from training.importing.files import read_model_file
from training.importing.found import AdaptedModel, Declared, FoundModel
from training.importing.mlflow_models import is_mlflow, read_mlflow_model
from training.importing.onnx_models import adapt_graph
from training.importing.overlap import overlaps
from training.launch import new_run_name, run_request
from training.parameters import ImportOptions, RunParameters
from training.progress import show
from training.results import FeaturesResult, ModelResult, ReleaseResult, StageResult
from training.runs import RunRecords
from training.steps import stage
from training.steps.context import StepCall, StepContext
from training.steps.evaluate import measure
from training.steps.release import release_model, show_checks
from training.summary import figure
from training.tracking.libraries import libraries_of, use_case_package
from use_cases import UseCase

STEP = "import-model"
CANDIDATE = "imported"


class ImportOutcome(Contract):
    """A release that staging serves; `metrics` is empty when there were no rows to measure on."""

    release_id: str
    model_version: str
    measured: bool
    metrics: dict[str, float]
    notes: tuple[str, ...]


def import_model(
    services: TrainingServices, source: str, use_case: str, options: ImportOptions
) -> ImportOutcome:
    """Adapt a model to a use case, check its gates, register it and stage it.

    `source` is a file, or a URI or folder of MLflow.

    Raises:
        InvalidData: the model or the holdout does not fit; every difference is named.
        Refused: the model is a pickle that is not trusted, or a gate did not pass.
        UpstreamUnavailable: a server does not answer.
    """
    context = import_context(services, use_case, options)
    released, model = judge(context, source, options)
    staged: StageResult = stage.run(context, released)
    return ImportOutcome(
        release_id=released.release_id,
        model_version=staged.model_version,
        measured=bool(released.dataset_version),
        metrics=released.metrics,
        notes=model.notes,
    )


def judge(
    context: StepContext, source: str, options: ImportOptions
) -> tuple[ReleaseResult, ImportedModel]:
    """Build a release of a model and check its gates; it is not served yet.

    Raises the errors of `import_model`.
    """
    case = context.case
    _check_options(case, options)
    found, adapted = _read_and_adapt(source, case, options)
    holdout = _freeze(context) if options.holdout else None
    features = _features(context, holdout) if holdout else None
    if features and not case.classes:
        decision, why = _intervals(context, features, adapted)
    else:
        decision, why = _decision(case, options.threshold)
    notes = (*adapted.notes, *(overlaps(context.store, case, holdout) if holdout else ()))
    for note in notes:
        show(note)
    imported = ImportedModel(source=found.source, kind=found.kind, sha256=found.sha256, notes=notes)
    with _mlflow_run(context, found) as run_id:
        model = ModelResult(
            run_id=run_id,
            candidate=CANDIDATE,
            parameters={},
            seed=context.parameters.seed,
            decision=decision,
            decision_why=why,
            complete=True,
            trials=(),
            libraries=_libraries(found),
            imported=imported,
        )
        if features is None:
            return _release_unmeasured(context, model, adapted), imported
        return _release_measured(context, model, adapted, found, features), imported


def outcome_lines(use_case: str, outcome: ImportOutcome) -> Iterator[str]:
    """Yield the lines that describe the new release and the next command."""
    yield f"staging serves {use_case} {outcome.release_id} (version {outcome.model_version})"
    if outcome.measured:
        for name in measured(outcome.metrics):
            yield f"  {name} {figure(outcome.metrics, name)}"
        yield f"next: mlplatform promote --use-case {use_case}"
    else:
        yield "  metrics and baseline are not measured: no held-out rows were given"
        yield f"next: mlplatform promote --use-case {use_case} --accept-unmeasured"


def _check_options(case: UseCase, options: ImportOptions) -> None:
    if options.threshold is not None and case.positive is None:
        raise InvalidData(f"{case.name} has no positive class, so it takes no threshold")
    if not case.classes and not options.holdout:
        raise InvalidData(
            f"{case.name} is a regression: the intervals of its predictions are calibrated on rows "
            "that the model has not seen; give them with --holdout"
        )


def _intervals(
    context: StepContext, features: FeaturesResult, adapted: AdaptedModel
) -> tuple[Rule, str]:
    """Return the intervals from the half of the held-out rows that metrics do not use."""
    from data_pipeline.columns import LABEL, TRAIN
    from data_pipeline.stored import read_features
    from training.search.calibration import interval_decision
    from training.search.models import graph_answers

    case = context.case
    rows = read_features(context.store, case, features.dataset_version, TRAIN)
    predictions = graph_answers(case, adapted.graph, rows)
    why = (
        f"split conformal prediction: the residuals of {rows.num_rows:,} held-out rows that the "
        "metrics do not use"
    )
    decision = interval_decision(case, rows[LABEL].to_numpy(), predictions, why)
    return decision.rule, decision.why


def _decision(case: UseCase, threshold: float | None) -> tuple[Rule, str]:
    if threshold is None:
        return case.decision, "it is the rule of the use case"
    (negative,) = (name for name in case.classes if name != case.positive)
    rule = DecisionRule(
        kind="threshold", positive=case.positive, negative=negative, threshold=threshold
    )
    return rule, "the threshold was given with the model"


def import_context(
    services: TrainingServices, use_case: str, options: ImportOptions
) -> StepContext:
    """Return the context of an import: a run of its own, without the steps of the pipeline."""
    given = RunParameters(data=options.holdout, columns=options.columns)
    run = run_request(use_case, given)
    call = StepCall(step=STEP, use_case=run.use_case, parameters=run.parameters, inputs={})
    name = new_run_name(services)
    return StepContext(services, RunRecords(services.store, run.use_case, name), call)


def _read_and_adapt(
    source: str, case: UseCase, options: ImportOptions
) -> tuple[FoundModel, AdaptedModel]:
    declared = Declared(options.logits, options.output, tuple(options.classes.split()))
    with TemporaryDirectory() as folder:
        if is_mlflow(source):
            uri = RegistrySettings().mlflow_tracking_uri
            found = read_mlflow_model(source, case, uri, Path(folder), options.trust_pickle)
        else:
            found = read_model_file(Path(source), source, options.trust_pickle)
    if found.graph is None:
        # A search over parameters answers as its best estimator, whose columns can be looked at.
        best = getattr(found.estimator, "best_estimator_", found.estimator)
        found = replace(found, labels=declared.classes or found.labels, estimator=best)
        return found, adapt_estimator(found, case, replace(declared, classes=()))
    return found, adapt_graph(found, case, declared)


def _libraries(found: FoundModel) -> dict[str, str]:
    if found.graph is None:
        return {**libraries_of(found.estimator), **found.libraries}
    producer = {found.graph.producer_name: found.graph.producer_version or "unknown"}
    return {**({} if not found.graph.producer_name else producer), **found.libraries}


def _freeze(context: StepContext) -> DatasetManifest:
    preparation = DataPreparation(context.services.data, context.case, show)
    folder = f"{context.folder}/source"
    return preparation.freeze(context.parameters.request, folder, held_out=True)


def _features(context: StepContext, holdout: DatasetManifest) -> FeaturesResult:
    case, version = context.case, holdout.dataset_version
    view = DataPreparation(context.services.data, case, show).features(holdout)
    return FeaturesResult(
        dataset_version=version,
        feature_view_version=view,
        features_path=dataset_path(case.name, version, FEATURES_FILE),
        report_path=report_path(case.name, version),
    )


@contextmanager
def _mlflow_run(context: StepContext, found: FoundModel) -> Iterator[str]:
    """Give an MLflow run that ends as failed if anything in it fails."""
    experiment = context.services.experiment(context.case.name)
    given = {"source": found.source, "kind": found.kind, "sha256": found.sha256}
    run_id = experiment.start(context.run.run_id, given)
    try:
        yield run_id
    except (PlatformError, KeyboardInterrupt):
        experiment.end(run_id, "FAILED")
        raise
    experiment.end(run_id)


def _release_measured(
    context: StepContext,
    model: ModelResult,
    adapted: AdaptedModel,
    found: FoundModel,
    features: FeaturesResult,
) -> ReleaseResult:
    from data_pipeline.columns import TEST
    from data_pipeline.stored import read_features

    case, version = context.case, features.dataset_version
    answers = None
    if found.graph is None:
        rows = read_features(context.store, case, version, TEST)
        answers = original_answers(found, case, rows)
    evaluated = measure(context, version, model, adapted.graph, answers)
    return release_model(context, features, model, evaluated)


def _release_unmeasured(
    context: StepContext, model: ModelResult, adapted: AdaptedModel
) -> ReleaseResult:
    """Store a release after checking only the gates that need no rows.

    Raises:
        GateRefused: it does not fit the use case.
    """
    case, store = context.case, context.store
    baseline = baseline_bytes(empty_baseline())
    built = build_release(case, adapted.graph, baseline, None, model.decision)
    checks = structural_gates(case, built, None)
    show_checks(checks)
    settings = context.services.settings
    lineage = Lineage(
        release_id=built.id,
        created_at=context.services.clock.now(),
        dataset_version="",
        data_source="",
        pipeline_run=context.run.run_id,
        pipeline_parameters=context.parameters.public(),
        candidate=model.candidate,
        parameters=model.parameters,
        metrics={},
        gates=checks,
        run_id=model.run_id,
        git_sha=context.parameters.git_sha or None,
        image_digest=settings.training_image,
        serving_image=pinned_image(settings.serving_image),
        use_case_package=use_case_package(case.name),
        libraries=model.libraries,
        imported=model.imported,
        measured=False,
    )
    card = unmeasured_card(case, built.manifest, lineage, model)
    documents = {
        CARD_JSON: card.model_dump_json(indent=1).encode(),
        CARD_HTML: card_page(case, card, {}),
    }
    store.write(baseline_path(case.name, built.id), baseline)
    admit(store, built, lineage, documents)
    return ReleaseResult(
        release_id=built.id,
        release_path=release_path(case.name, built.id),
        card_path=release_path(case.name, built.id, CARD_HTML),
        candidate=model.candidate,
        run_id=model.run_id,
        dataset_version="",
        metrics={},
        figure_paths={},
    )
