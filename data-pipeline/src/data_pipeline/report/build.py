"""From a dataset version to its report, with bounded memory however many rows there are."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from data_pipeline.columns import (
    CLUSTER,
    EVENT_TIMESTAMP,
    LABEL,
    PART,
    ROW_ID,
    SOURCE,
)
from data_pipeline.report.contract import Cluster, ColumnProfile, DataReport, Role
from data_pipeline.report.leak import leak_warnings, leaks
from data_pipeline.report.profile import column_profiles, slice_counts
from data_pipeline.report.rows import (
    class_counts,
    class_times,
    cut,
    largest_clusters,
    reasons,
    source_counts,
)
from data_pipeline.report.sample import Sample
from data_pipeline.report.stored import batches, first_rows, narrow_columns, rows_with
from data_pipeline.versions.manifest import DatasetManifest
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import (
    EXTRA_COLUMNS_FILE,
    FEATURES_FILE,
    QUARANTINE_FILE,
    RECORDS_FILE,
    dataset_path,
)
from use_cases import UseCase

SAMPLE_ROWS = 50_000
LARGEST_CLUSTERS = 5
MANY_REFUSED, MANY_MISSING = 0.1, 0.5


def data_report(
    store: BlobStore,
    case: UseCase,
    manifest: DatasetManifest,
    leak_auc: float,
    sample_rows: int = SAMPLE_ROWS,
) -> DataReport:
    """Return the report of a dataset version, with its features when they are computed.

    Columns are judged on at most `sample_rows` rows, everything else on all of them.
    """
    folder = dataset_path(case.name, manifest.dataset_version)
    records = f"{folder}/{RECORDS_FILE}"
    narrow = narrow_columns(store, records, [LABEL, PART, SOURCE, EVENT_TIMESTAMP, CLUSTER])
    sample = _sample(store, case, folder, sample_rows)
    columns = sample.columns()
    profiles = column_profiles(columns, case.classes, case.id_column)
    found = leaks(case, columns, leak_auc)
    edges, times = class_times(narrow, case.classes, manifest.split.boundaries)
    refused = batches(store, f"{folder}/{QUARANTINE_FILE}")
    return DataReport(
        dataset_version=manifest.dataset_version,
        use_case=case.name,
        title=case.title,
        created_at=manifest.created_at,
        parents=manifest.parents,
        rows_read=manifest.rows_read,
        rows=manifest.rows,
        quarantined=manifest.rows_quarantined,
        duplicates=manifest.duplicates,
        near_duplicates=manifest.near_duplicates,
        clusters=_clusters(store, case, records, narrow),
        reasons=reasons(manifest.reasons, refused),
        classes=class_counts(narrow, case.classes),
        split=manifest.split,
        times_unknown=manifest.times_unknown,
        time_edges=edges,
        times=times,
        sources=source_counts(narrow),
        sample_rows=sample.records.num_rows,
        columns=profiles,
        slices=slice_counts(case, sample.records),
        leaks=found,
        leak_auc=leak_auc,
        warnings=(
            *manifest.warnings,
            *leak_warnings(found, leak_auc),
            *_plain_warnings(manifest, profiles),
        ),
    )


def _sample(store: BlobStore, case: UseCase, folder: str, rows: int) -> Sample:
    names = [*case.record_schema.names, LABEL, EVENT_TIMESTAMP, SOURCE, PART, ROW_ID]
    optional = [f"{folder}/{FEATURES_FILE}", f"{folder}/{EXTRA_COLUMNS_FILE}"]
    features, extra = (
        first_rows(store, path, rows) if store.exists(path) else None for path in optional
    )
    records = first_rows(store, f"{folder}/{RECORDS_FILE}", rows, names)
    return Sample(case, records, features, extra)


def _clusters(
    store: BlobStore, case: UseCase, records: str, narrow: pa.Table
) -> tuple[Cluster, ...]:
    largest = largest_clusters(narrow, LARGEST_CLUSTERS)
    if not largest:
        return ()
    columns = [ROW_ID, *case.record_schema.names]
    first = rows_with(store, records, ROW_ID, list(largest), columns)
    batch = first.select(case.record_schema.names).combine_chunks().to_batches()[0]
    texts = dict(zip(first[ROW_ID].to_pylist(), _texts(case, batch), strict=True))
    return tuple(
        Cluster(rows=sum(rows.values()), classes=rows, example=cut(texts.get(name) or ""))
        for name, rows in largest.items()
    )


def _texts(case: UseCase, records: pa.RecordBatch) -> Sequence[str | None]:
    texts = pc.utf8_slice_codeunits(case.training().duplicate_text(records), 0, 1_000)
    return list(texts.to_pylist())


def _plain_warnings(manifest: DatasetManifest, profiles: Sequence[ColumnProfile]) -> Iterator[str]:
    refused = manifest.rows_quarantined / manifest.rows_read if manifest.rows_read else 0
    if refused >= MANY_REFUSED:
        yield (
            f"{refused:.0%} of the rows read were refused ({manifest.rows_quarantined:,} of "
            f"{manifest.rows_read:,}); see the reasons below."
        )
    for profile in profiles:
        # Entities are hidden from most training rows on purpose.
        if profile.missing >= MANY_MISSING and profile.role is not Role.ENTITY:
            yield f"{profile.name} ({profile.role}) has no value in {profile.missing:.0%} of rows."
