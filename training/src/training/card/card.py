"""The model card of a release, gathered from the results of the steps."""

from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from data_pipeline.report import read_report, report_path
from data_pipeline.versions.manifest import DatasetManifest, read_manifest
from evaluation import MetricEstimate, SliceMetrics, resample_count
from platform_core.contracts.release import Lineage, ReleaseManifest
from platform_core.errors import BlobNotFound
from platform_core.ports.blob_store import BlobStore
from releases.catalogue.model_card import DataSummary, ModelCard
from training.card.evaluation import HIGH, LOW
from training.results import EvaluationResult, ModelResult, TrainResult
from use_cases import UseCase

MOST_ORIGINS = 5


def model_card(
    store: BlobStore,
    case: UseCase,
    manifest: ReleaseManifest,
    lineage: Lineage,
    model: ModelResult,
    evaluation: EvaluationResult,
) -> ModelCard:
    """Return the card of a release that was judged."""
    data = read_manifest(store, case.name, lineage.dataset_version)
    return ModelCard(
        title=case.title,
        use_case=case.name,
        task=case.task,
        classes=tuple(case.classes),
        positive=case.positive,
        metric=case.training().metric,
        metrics=measured(lineage.metrics),
        decision=manifest.decision,
        decision_why=model.decision_why,
        slices=evaluation.slices,
        unseen=model.unseen,
        data=_data(store, case, data),
        trials=model.trials,
        search_complete=model.complete,
        lineage=lineage,
        limits=tuple(_limits(case, data, evaluation.slices, lineage, model)),
        confusion=evaluation.confusion,
        graph_bytes=evaluation.graph_bytes,
        fit_seconds=model.fit_seconds if isinstance(model, TrainResult) else None,
    )


def unmeasured_card(
    case: UseCase, manifest: ReleaseManifest, lineage: Lineage, model: ModelResult
) -> ModelCard:
    """Return the card of a model that was imported without held-out rows."""
    return ModelCard(
        title=case.title,
        use_case=case.name,
        task=case.task,
        classes=tuple(case.classes),
        positive=case.positive,
        metric=case.training().metric,
        metrics={},
        decision=manifest.decision,
        decision_why=model.decision_why,
        slices=(),
        data=None,
        trials=(),
        search_complete=True,
        lineage=lineage,
        limits=(
            "Not measured: its quality. It was imported without held-out rows.",
            "Not measured: its baseline, so drift of live traffic cannot be detected.",
            *_unknown(lineage),
        ),
    )


def _unknown(lineage: Lineage) -> Iterator[str]:
    """Yield the facts about an imported model that are unknown, and the assumptions made."""
    if lineage.imported is not None:
        yield "Unknown: the rows it was trained on, its training, and how it was chosen."
        yield from lineage.imported.notes


def measured(metrics: Mapping[str, float]) -> dict[str, MetricEstimate]:
    """Return metrics by name with their intervals, from the flat names that lineage has."""
    ends = {f"{name}{end}" for name in metrics for end in (LOW, HIGH)}
    return {
        name: MetricEstimate(
            value=value, low=metrics.get(f"{name}{LOW}"), high=metrics.get(f"{name}{HIGH}")
        )
        for name, value in metrics.items()
        if name not in ends
    }


def _data(store: BlobStore, case: UseCase, manifest: DatasetManifest) -> DataSummary:
    version = manifest.dataset_version
    page = report_path(case.name, version)
    return DataSummary(
        dataset_version=version,
        parents=manifest.parents,
        rows=manifest.rows,
        train_rows=manifest.rows - manifest.test_rows,
        test_rows=manifest.test_rows,
        classes=manifest.classes,
        split=manifest.split.method,
        split_why=manifest.split.why,
        boundaries=manifest.split.boundaries,
        near_duplicates=manifest.near_duplicates,
        duplicates=manifest.duplicates,
        quarantined=manifest.rows_quarantined,
        reasons=manifest.reasons,
        sources={one.source: one.rows for one in manifest.sources},
        warnings=_warnings(store, case, version),
        report=store.uri(page) if store.exists(page) else None,
    )


def _warnings(store: BlobStore, case: UseCase, version: str) -> tuple[str, ...] | None:
    try:
        return read_report(store, case.name, version).warnings
    except (BlobNotFound, ValidationError):  # none was written, or by other code: see its page
        return None


def _other_origin(data: DatasetManifest, lineage: Lineage, model: ModelResult) -> str:
    origins = _origins(data) or [lineage.data_source]
    names = ", ".join(origins[:MOST_ORIGINS])
    if more := len(origins[MOST_ORIGINS:]):
        names += f" and {more:,} more"
    if model.unseen:
        return (
            "On data of another origin, expect the figures of the sources never seen, not those of "
            f"the test rows, which come from the same sources as the training rows ({names})."
        )
    several = f"{len(origins):,} sources" if len(origins) > 1 else "one source"
    return (
        "Not measured: how good it is on data of another origin. The rows of the dataset version "
        f"come from {several} ({names})."
    )


def _origins(data: DatasetManifest) -> list[str]:
    """Return the sources of a dataset version that adds rows to another one or pools several;
    the lineage names only the source that was read last.
    """
    if not data.parents and not data.pooled:
        return []
    return list(dict.fromkeys(one.source.partition("/")[0] for one in data.sources))


def _limits(
    case: UseCase,
    data: DatasetManifest,
    slices: tuple[SliceMetrics, ...],
    lineage: Lineage,
    model: ModelResult,
) -> Iterator[str]:
    """Yield the limits of what the figures of the card show."""
    yield from _unknown(lineage)
    yield _other_origin(data, lineage, model)
    if data.split.method == "declared":
        yield "The test rows count as unseen because the user says so."
    elif data.split.method != "time":
        yield (
            "Not measured: how good it is on later data. Test rows were chosen by content, so "
            "they are as old as the training rows."
        )
    if data.times_unknown:
        yield f"{data.times_unknown:,} rows have no time; their age is not known."
    if not slices:
        yield "Not measured: groups of rows apart. The use case names no slices."
    elif few := [f"{one.kind} {one.name}" for one in slices if one.note]:
        yield f"Not measured, too few rows: {', '.join(few)}."
    yield (
        "The intervals say how far another draw of test rows would move a figure "
        f"({resample_count(data.test_rows):,} resamples of whole clusters of near duplicates); "
        "not how far a change in the world would."
    )
    if case.task == "regression":
        yield (
            f"The intervals hold {case.training().coverage:.0%} of the labels on average over rows "
            "like the training rows, all as wide as each other; within a group of rows the share "
            "can be lower or higher."
        )
    elif case.training().threshold is not None and lineage.imported is None:
        yield (
            "The threshold was chosen on out-of-fold answers of models fitted on a part of the "
            "training rows; the released model is fitted on all of them, so its rate of false "
            "positives on new data may differ from the target: see the figure on the test split."
        )
    if lineage.imported is None:
        yield (
            "The best trial's cross-validated score is the best of several and so slightly "
            "optimistic; the metrics above come from rows that no trial saw."
        )
    if not model.complete:
        yield "The search ended by its time budget: its result depends on the machine's speed."
    yield "Labels are taken as correct; how many are wrong was not measured."
