"""From raw records to a dataset version.

Raw records are read once, in batches. Accepted rows go to local disk, where DuckDB finds
duplicates, clusters and the split and gives the rows back ordered by `row_id`: memory does not
grow with their text.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
from duckdb import DuckDBPyConnection

from data_pipeline.duplicates.near_duplicates import SignatureFile
from data_pipeline.sources.raw import RawRecords
from data_pipeline.validation.rows import RowChecker
from data_pipeline.versions.base import load_base, write_index
from data_pipeline.versions.checks import check_selection, selection_warnings
from data_pipeline.versions.database import open_database
from data_pipeline.versions.extra import write_extra_columns
from data_pipeline.versions.files import (
    Quarantine,
    Written,
    quarantine_selected,
    records_schema,
    write_records,
)
from data_pipeline.versions.manifest import (
    DatasetManifest,
    SourceCount,
    SplitSummary,
    find_base,
)
from data_pipeline.versions.scan import ACCEPTED, EXTRA, Apply, Progress, Scanned, scan
from data_pipeline.versions.selection import Selection, select_rows
from platform_core.clock import Clock
from platform_core.errors import BlobExists
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import (
    EXTRA_COLUMNS_FILE,
    INDEX_FILE,
    MANIFEST_FILE,
    QUARANTINE_FILE,
    RECORDS_FILE,
    dataset_path,
)
from use_cases import UseCase


@dataclass(frozen=True)
class Rules:
    """The parameters of a dataset version: the share of rows that may be refused, the estimated
    Jaccard similarity from which on two texts are near duplicates, and the version that the rows
    are added to ("" is none, "latest" the newest).
    """

    max_invalid_share: float = 0.5
    near_duplicate_similarity: float = 0.8
    base: str = ""


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

    Rows are ordered by `row_id`, so the order they arrived in does not matter. The manifest is
    written last: a version without it does not exist, and two simultaneous runs on the same data
    end with the same version.

    Raises:
        InvalidData: the rows cannot become a dataset version, or there is no such base.
    """
    previous = find_base(store, case.name, rules.base)
    with TemporaryDirectory(prefix="dataset-version-") as name:
        folder = Path(name)
        with (
            open_database(folder) as database,
            SignatureFile(folder / "signatures") as signatures,
        ):
            freezing = _Freezing(store, case, rules, clock, previous, folder, database, signatures)
            return freezing.run(raw, progress, apply)


@dataclass(frozen=True)
class _Freezing:
    """One run with its own folder on local disk."""

    store: BlobStore
    case: UseCase
    rules: Rules
    clock: Clock
    previous: DatasetManifest | None
    folder: Path
    database: DuckDBPyConnection
    signatures: SignatureFile

    def run(self, raw: RawRecords, progress: Progress | None, apply: Apply) -> str:
        quarantine = Quarantine(self.folder / QUARANTINE_FILE, self.case)
        with quarantine.writer:
            load_base(
                self.store, self.previous, self.database, self.signatures,
                records_schema(self.case), self.folder,
            )  # fmt: skip
            checker = RowChecker(self.case)
            scanned = scan(raw, checker, apply, progress, self.folder, self.signatures, quarantine)
            pa.default_memory_pool().release_unused()
            accepted = self.database.read_parquet(str(self.folder / ACCEPTED))
            accepted.create_view("accepted")
            selection = select_rows(
                self.database, self.signatures, self.rules.near_duplicate_similarity,
                self.case.classes, self.clock.now(),
            )  # fmt: skip
            allowed = self.rules.max_invalid_share
            check_selection(self.case, scanned, selection, quarantine.reasons, allowed)
            quarantine_selected(self.database, self.case, quarantine)
        written = write_records(self.database, self.case, self.folder / RECORDS_FILE)
        write_index(self.database, self.signatures, self.folder / INDEX_FILE)
        write_extra_columns(
            self.database, self.store, self.previous,
            self.folder / EXTRA, self.folder / EXTRA_COLUMNS_FILE,
        )  # fmt: skip
        return self._publish(self._manifest(raw, scanned, selection, quarantine, written))

    def _manifest(
        self,
        raw: RawRecords,
        scanned: Scanned,
        selection: Selection,
        quarantine: Quarantine,
        written: Written,
    ) -> DatasetManifest:
        case, summary = self.case, raw.summary
        return DatasetManifest(
            dataset_version=written.digest.hexdigest(),
            use_case=case.name,
            created_at=self.clock.now(),
            rows=written.rows,
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
            parents=(self.previous.dataset_version,) if self.previous else (),
            sources=tuple(
                SourceCount(source=name, rows=rows) for name, rows in written.sources.most_common()
            ),
            times_unknown=written.times_unknown,
            data_source=summary.source,
            unreadable_files=len(summary.unreadable),
        )

    def _split(self, summary: SplitSummary) -> SplitSummary:
        if self.previous is None:
            return summary
        why = f"records of {self.previous.dataset_version} stay where they are; new ones: "
        return summary.model_copy(update={"why": why + summary.why})

    def _publish(self, manifest: DatasetManifest) -> str:
        version = manifest.dataset_version
        names = self.case.name, version
        if self.store.exists(dataset_path(*names, MANIFEST_FILE)):
            return version
        for name in (QUARANTINE_FILE, INDEX_FILE, EXTRA_COLUMNS_FILE, RECORDS_FILE):
            if (self.folder / name).exists():
                self.store.upload(self.folder / name, dataset_path(*names, name))
        with suppress(BlobExists):
            content = manifest.model_dump_json(indent=1).encode()
            self.store.create(dataset_path(*names, MANIFEST_FILE), content)
        return version
