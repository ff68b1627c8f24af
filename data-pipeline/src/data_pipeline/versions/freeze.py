"""From raw records to a dataset version.

Raw records are read once, in batches. Accepted rows go to local disk, where DuckDB finds
duplicates, clusters and the split and gives the rows back ordered by `row_id`: memory does not
grow with their text.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection

from data_pipeline.columns import MINHASH, PREDICTION_ID, ROW_ID
from data_pipeline.feedback.known import erased_predictions, read_known
from data_pipeline.near_duplicates import SCHEME
from data_pipeline.sources.raw import RawRecords
from data_pipeline.validation.rows import RowChecker
from data_pipeline.versions.checks import check_selection, selection_warnings
from data_pipeline.versions.erased import ErasedRecords
from data_pipeline.versions.files import (
    Quarantine,
    count_sources,
    index_schema,
    records_schema,
    write_extra_columns,
    write_index,
    write_records,
)
from data_pipeline.versions.manifest import DatasetManifest, SplitSummary, find_base
from data_pipeline.versions.predictions import correct_base, write_known
from data_pipeline.versions.scan import ACCEPTED, EXTRA, Apply, Progress, Scanned, scan
from data_pipeline.versions.selection import Selection, select_rows
from platform_core.clock import Clock
from platform_core.errors import BlobExists, BlobNotFound, InvalidData
from platform_core.parquet import read_table
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import (
    EXTRA_COLUMNS_FILE,
    FEEDBACK_FILE,
    INDEX_FILE,
    MANIFEST_FILE,
    QUARANTINE_FILE,
    RECORDS_FILE,
    dataset_path,
)
from use_cases import UseCase

MEMORY_LIMIT = "256MB"
DATA_FILES = (QUARANTINE_FILE, INDEX_FILE, EXTRA_COLUMNS_FILE, FEEDBACK_FILE, RECORDS_FILE)


@dataclass(frozen=True)
class Rules:
    """The parameters of a dataset version: the share of rows that may be refused, the estimated
    Jaccard similarity from which on two texts are near duplicates, and the version that the rows
    are added to ("" is none, "latest" the newest). With `held_out` every row is in the test split,
    for a regression half of them.
    """

    max_invalid_share: float = 0.5
    near_duplicate_similarity: float = 0.8
    base: str = ""
    held_out: bool = False


def freeze(
    store: BlobStore,
    case: UseCase,
    raw: RawRecords,
    rules: Rules,
    clock: Clock,
    *,
    progress: Progress | None = None,
    apply: Apply = map,
) -> str:
    """Write a dataset version and return its name; an existing version of this content stays.
    Rows of erased records are left out.

    Rows are ordered by `row_id`, so the order they arrived in does not matter. The manifest is
    written last: a version without it does not exist, and two simultaneous runs on the same data
    end with the same version.

    Raises:
        InvalidData: the rows cannot become a dataset version, or there is no such base.
    """
    base = find_base(store, case.name, rules.base)
    with TemporaryDirectory(prefix="dataset-version-") as name, _database(Path(name)) as database:
        freezing = _Freezing(store, case, rules, clock, base, Path(name), database)
        return freezing.run(raw, progress, apply)


@contextmanager
def _database(folder: Path) -> Iterator[DuckDBPyConnection]:
    """Give an empty database in `folder`; what exceeds `MEMORY_LIMIT` goes to disk there."""
    config: dict[str, Any] = {
        "memory_limit": MEMORY_LIMIT,
        # Each thread needs memory of its own to order the records, and saves a few seconds.
        "threads": 1,
        "temp_directory": str(folder / "spill"),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    with duckdb.connect(folder / "rows.duckdb", config=config) as database:
        database.execute("SET TimeZone = 'UTC'")
        yield database


@dataclass(frozen=True)
class _Freezing:
    """One run with its own folder on local disk."""

    store: BlobStore
    case: UseCase
    rules: Rules
    clock: Clock
    base: DatasetManifest | None
    folder: Path
    database: DuckDBPyConnection

    def run(self, raw: RawRecords, progress: Progress | None, apply: Apply) -> str:
        case, database, folder = self.case, self.database, self.folder
        erased = ErasedRecords.read(self.store, case)
        erased_before = self._load_base(erased)
        quarantine = Quarantine(folder / QUARANTINE_FILE, case)
        with quarantine.writer:
            check = erased.left_out(apply)
            scanned = scan(raw, RowChecker(case), check, progress, folder, quarantine)
            scanned.erased += erased_before
            pa.default_memory_pool().release_unused()
            rows = database.read_parquet(str(folder / ACCEPTED), file_row_number=True)
            rows.project("*, file_row_number AS _arrival").create_view("accepted")
            correct_base(database)
            similarity, now = self.rules.near_duplicate_similarity, self.clock.now()
            selection = select_rows(
                database, similarity, case.classes, now, folder, self.rules.held_out
            )
            allowed = self.rules.max_invalid_share
            check_selection(case, scanned, selection, quarantine.reasons, allowed)
            quarantine.add_selected(database, case)
        before = self.base.pooled if self.base else ()
        pooled = tuple(dict.fromkeys([*before, *raw.summary.pooled]))
        version = write_records(database, case, folder / RECORDS_FILE, sources=bool(pooled))
        write_index(database, case, folder / INDEX_FILE)
        write_known(database, folder / FEEDBACK_FILE)
        extra = self._base_extra_columns()
        write_extra_columns(database, folder / EXTRA, extra, folder / EXTRA_COLUMNS_FILE)
        manifest = self._manifest(version, raw, scanned, selection, quarantine)
        return self._publish(manifest.model_copy(update={"pooled": pooled}))

    def _load_base(self, erased: ErasedRecords) -> int:
        """Create the tables `base_before` and `base_records_before`, empty without a version to
        add to, `known` predictions behind their rows, and what was erased: the rows of `erased`
        records, and predictions. Return the number of these rows.

        Raises:
            InvalidData: the version has no index, or one that cannot be continued.
        """
        index, records = (self.folder / f"base-{name}" for name in (INDEX_FILE, RECORDS_FILE))
        if self.base is None:
            pq.write_table(index_schema(self.case).empty_table(), index)
            pq.write_table(records_schema(self.case).empty_table(), records)
        else:
            names = self.base.use_case, self.base.dataset_version
            try:
                self.store.download(dataset_path(*names, INDEX_FILE), index)
            except BlobNotFound as error:
                raise _not_continued(self.base, "it has no index") from error
            scheme = (pq.read_schema(index).metadata or {}).get(MINHASH.encode(), b"").decode()
            if scheme != SCHEME:
                raise _not_continued(self.base, f"its signatures are of the scheme {scheme!r}")
            self.store.download(dataset_path(*names, RECORDS_FILE), records)
        gone = erased.row_ids(pq.read_table(records, columns=erased.columns()))
        self.database.from_arrow(pa.table({ROW_ID: gone})).create("erased")
        for file, name in ((index, "base_before"), (records, "base_records_before")):
            self.database.read_parquet(str(file)).create_view(name)
        version = self.base.dataset_version if self.base else ""
        self.database.from_arrow(read_known(self.store, self.case, version)).create("known")
        ids = erased_predictions(self.store, self.case.name)
        self.database.from_arrow(pa.table({PREDICTION_ID: ids})).create("erased_predictions")
        return len(gone)

    def _base_extra_columns(self) -> pa.Table | None:
        if self.base is None:
            return None
        path = dataset_path(self.case.name, self.base.dataset_version, EXTRA_COLUMNS_FILE)
        return read_table(self.store, path) if self.store.exists(path) else None

    def _manifest(
        self,
        version: str,
        raw: RawRecords,
        scanned: Scanned,
        selection: Selection,
        quarantine: Quarantine,
    ) -> DatasetManifest:
        case, summary = self.case, raw.summary
        untimed = self.database.sql("FROM records WHERE event_timestamp IS NULL")
        return DatasetManifest(
            dataset_version=version,
            use_case=case.name,
            created_at=self.clock.now(),
            rows=selection.rows,
            rows_read=scanned.rows,
            rows_quarantined=quarantine.reasons.total(),
            duplicates=selection.duplicates,
            test_rows=selection.test_rows,
            classes=selection.classes,
            columns={field.name: str(field.type) for field in records_schema(case)},
            split=self._split(selection.split),
            near_duplicates=selection.near_duplicates,
            clusters=selection.clusters,
            reasons=dict(quarantine.reasons.most_common()),
            warnings=selection_warnings(case, scanned, selection, summary.warnings),
            parents=(self.base.dataset_version,) if self.base else (),
            sources=count_sources(self.database),
            times_unknown=len(untimed),
            data_source=summary.source,
            unreadable_files=len(summary.unreadable),
            inputs=summary.inputs,
            truncated=summary.truncated,
            erased=scanned.erased,
            feedback=summary.feedback,
        )

    def _split(self, summary: SplitSummary) -> SplitSummary:
        if self.base is None:
            return summary
        why = f"records of {self.base.dataset_version} stay where they are; new ones: "
        return summary.model_copy(update={"why": why + summary.why})

    def _publish(self, manifest: DatasetManifest) -> str:
        version = manifest.dataset_version
        names = self.case.name, version
        if self.store.exists(dataset_path(*names, MANIFEST_FILE)):
            return version
        for name in DATA_FILES:
            if (self.folder / name).exists():
                self.store.upload(self.folder / name, dataset_path(*names, name))
        with suppress(BlobExists):
            content = manifest.model_dump_json(indent=1).encode()
            self.store.create(dataset_path(*names, MANIFEST_FILE), content)
        return version


def _not_continued(version: DatasetManifest, why: str) -> InvalidData:
    return InvalidData(
        f"dataset version {version.dataset_version} cannot be added to: {why}; it was written by "
        "an earlier version of the platform; run once with all the data and without BASE"
    )
