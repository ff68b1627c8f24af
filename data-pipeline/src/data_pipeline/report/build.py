"""From a dataset version to its report; memory is bounded by the sample."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from duckdb import DuckDBPyConnection

from data_pipeline.columns import ALL_ROWS, LABEL, REASON, ROW_ID, SOURCE, one_batch
from data_pipeline.report.columns import column_reports, sample_columns
from data_pipeline.report.contract import (
    ClassSummary,
    ColumnReport,
    DataReport,
    Reason,
    Role,
    RowGroup,
)
from data_pipeline.report.label_groups import label_groups
from data_pipeline.report.leakage import leak_warnings
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
MANY_REJECTED, MANY_MISSING = 0.1, 0.5
TIME_INTERVALS = 48
# Times beyond these shares of all rows are counted at the ends: one wrong clock would otherwise
# squeeze everything else into one interval.
TIME_TAILS = [0.002, 0.998]
EXAMPLES_PER_REASON, EXAMPLE_CHARACTERS, VALUE_CHARACTERS = 3, 200, 80

_CLASSES = """
SELECT label, count(*), count(*) FILTER (part = 'train'), count(*) FILTER (part = 'test'),
       count(event_timestamp), min(event_timestamp), max(event_timestamp)
FROM records GROUP BY label
"""
_COUNTED = ("rows", "train", "test", "timed", "first", "last")
_TIMES = """
SELECT label, (epoch_us(event_timestamp) - ?) * ? // ? AS place, count(*)
FROM records WHERE event_timestamp IS NOT NULL GROUP BY label, place
"""
_CLUSTERS = f"""
SELECT cluster AS name, label FROM records SEMI JOIN (
    SELECT cluster FROM records GROUP BY cluster HAVING count(*) > 1
    ORDER BY count(*) DESC, cluster LIMIT {LARGEST_CLUSTERS}
) USING (cluster)
"""  # noqa: S608 (a number)


def data_report(
    store: BlobStore,
    case: UseCase,
    manifest: DatasetManifest,
    leak_auc: float,
    sample_rows: int = SAMPLE_ROWS,
) -> DataReport:
    """Return the report of a dataset version, with its features when they are computed.

    Columns are judged on at most `sample_rows` rows, everything else on all of them. `row_id` is
    a hash of the content and orders all files: their first rows are a random sample that stays
    the same.
    """

    def dataset(name: str) -> ds.Dataset:
        path = dataset_path(case.name, manifest.dataset_version, name)
        return ds.dataset(path, filesystem=store.arrow_filesystem(), format="parquet")

    def optional_sample(name: str) -> pa.Table | None:
        path = dataset_path(case.name, manifest.dataset_version, name)
        return dataset(name).head(sample_rows) if store.exists(path) else None

    records = dataset(RECORDS_FILE)
    groups = label_groups(case, records)
    sample = groups.named(records.head(sample_rows))
    features = groups.named(optional_sample(FEATURES_FILE))
    extra = groups.named(optional_sample(EXTRA_COLUMNS_FILE))
    found = sample_columns(case, sample, features, extra)
    columns = column_reports(case, found, leak_auc, groups.names)
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        database.register("labelled", records)
        database.execute(groups.view("records", "labelled"))
        edges, classes = _classes(database, groups.names, manifest)
        return DataReport(
            title=case.title,
            manifest=manifest,
            classes=classes,
            time_edges=edges,
            clusters=_clusters(database, case, records),
            sources=_groups(database, "SELECT source AS name, label FROM records"),
            reasons=tuple(_reasons(manifest, dataset(QUARANTINE_FILE))),
            sample_rows=sample.num_rows,
            columns=columns,
            slices=_slices(database, case, sample),
            leak_auc=leak_auc,
            warnings=(
                *manifest.warnings,
                *leak_warnings(columns, leak_auc),
                *_plain_warnings(manifest, columns),
            ),
        )


def _classes(
    database: DuckDBPyConnection, classes: Sequence[str], manifest: DatasetManifest
) -> tuple[tuple[datetime, ...], tuple[ClassSummary, ...]]:
    """Return the edges of equal intervals of time, none where no row has a time, and a summary
    of each class.
    """
    boundaries = manifest.split.boundaries
    found = database.sql(_CLASSES).fetchall()
    counts = {label: numbers for label, *numbers in found}
    times = {name: [0] * TIME_INTERVALS for name in classes}
    tails = f"SELECT quantile_disc(epoch_us(event_timestamp), {TIME_TAILS}) FROM records"  # noqa: S608 (numbers)
    ((ends,),) = database.sql(tails).fetchall()
    start, end = ends or (0, 0)
    length = max(end - start, 1)
    for label, place, rows in database.execute(_TIMES, [start, TIME_INTERVALS, length]).fetchall():
        times[label][min(max(place, 0), TIME_INTERVALS - 1)] += rows
    moments = (start + length * n / TIME_INTERVALS for n in range(TIME_INTERVALS + 1))
    edges = tuple(datetime.fromtimestamp(moment / 1_000_000, UTC) for moment in moments)
    return edges if ends else (), tuple(
        ClassSummary(
            name=name,
            **dict(zip(_COUNTED, counts.get(name, (0, 0, 0, 0, None, None)), strict=True)),
            boundary=boundaries.get(name, boundaries.get(ALL_ROWS)),
            times=tuple(times[name]),
        )
        for name in classes
    )


def _groups(database: DuckDBPyConnection, rows: str) -> tuple[RowGroup, ...]:
    """Return the groups of a query of `name` and `label`, the largest first."""
    counts = database.sql(
        f"""SELECT name, label, count(*), sum(count(*)) OVER (PARTITION BY name) AS size
            FROM ({rows}) WHERE name IS NOT NULL
            GROUP BY name, label ORDER BY size DESC, name, label"""  # noqa: S608 (a query of this module)
    ).fetchall()
    groups: dict[str, dict[str, int]] = {}
    for name, label, number, _ in counts:
        groups.setdefault(name, {})[label] = number
    return tuple(RowGroup(name=n, classes=c) for n, c in groups.items())


def _clusters(
    database: DuckDBPyConnection, case: UseCase, records: ds.Dataset
) -> tuple[RowGroup, ...]:
    """Return the largest clusters of near duplicates with the beginning of a text of each."""
    largest = _groups(database, _CLUSTERS)
    names = pa.array([group.name for group in largest], pa.string())
    columns = [ROW_ID, *case.record_schema.names]
    found = records.to_table(columns, filter=ds.field(ROW_ID).isin(names))
    batch = one_batch(found, case.record_schema)
    texts = pc.utf8_slice_codeunits(case.training().duplicate_text(batch), 0, 1_000).to_pylist()
    examples = dict(zip(found[ROW_ID].to_pylist(), texts, strict=True))
    return tuple(
        RowGroup(name=_cut(examples[group.name] or ""), classes=group.classes) for group in largest
    )


def _slices(database: DuckDBPyConnection, case: UseCase, sample: pa.Table) -> tuple[RowGroup, ...]:
    kinds = case.training().slices(one_batch(sample, case.record_schema))
    found: list[RowGroup] = []
    for kind in kinds.schema.names:
        table = pa.table({"value": kinds[kind], LABEL: sample[LABEL]})
        database.register("slices", table)
        found += _groups(database, f"SELECT '{kind}: ' || value AS name, label FROM slices")  # noqa: S608
    return tuple(found)


def _reasons(manifest: DatasetManifest, quarantine: ds.Dataset) -> Iterator[Reason]:
    """Yield the reasons for rejected rows, the most frequent first."""
    for reason, rows in sorted(manifest.reasons.items(), key=lambda item: (-item[1], item[0])):
        found = quarantine.filter(ds.field(REASON) == reason).head(EXAMPLES_PER_REASON)
        examples = tuple(_example(row) for row in found.drop([REASON, SOURCE]).to_pylist())
        yield Reason(reason=reason, rows=rows, examples=examples)


def _plain_warnings(manifest: DatasetManifest, columns: Sequence[ColumnReport]) -> Iterator[str]:
    rejected, read = manifest.rows_quarantined, manifest.rows_read
    if read and rejected / read >= MANY_REJECTED:
        yield (
            f"{rejected / read:.0%} of the rows read were rejected ({rejected:,} of {read:,}); "
            "see the reasons below."
        )
    for column in columns:
        missing = 1 - column.known / max(column.rows, 1)
        # Entities are hidden from most training rows on purpose.
        if missing >= MANY_MISSING and column.role in (Role.FEATURE, Role.RECORD):
            yield f"{column.name} ({column.role}) is missing in {missing:.0%} of the rows."


def _cut(text: str) -> str:
    """Return the start of `text` on one line, at most 200 characters."""
    line = " ".join(text[: 2 * EXAMPLE_CHARACTERS].split())
    return line if len(line) <= EXAMPLE_CHARACTERS else f"{line[: EXAMPLE_CHARACTERS - 1]}…"


def _example(row: dict[str, str | None]) -> str:
    values = ((n, "(none)" if v is None else v[:VALUE_CHARACTERS]) for n, v in row.items())
    return _cut(" · ".join(f"{name}: {value}" for name, value in values))
