"""From raw records to a dataset version.

Raw records are read once, in batches, and their accepted rows go to local disk; only a few
numbers per row stay in memory. Duplicates, clusters and the split follow from those. Then the rows
come back in the order of `row_id` and are written, so that memory does not grow with the data but
by those numbers.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa

from data_pipeline.columns import ROW_ID, SOURCE
from data_pipeline.duplicates.near_duplicates import SignatureFile
from data_pipeline.sources.raw import RawRecords
from data_pipeline.validation.rows import RowChecker
from data_pipeline.versions.base import BaseRecords
from data_pipeline.versions.buckets import Buckets, bucket_count
from data_pipeline.versions.checks import class_counts, cluster_counts, refuse_hopeless, warnings
from data_pipeline.versions.decisions import Base, Decisions, decide
from data_pipeline.versions.files import (
    MAX_EXTRA_ROWS,
    Contents,
    Quarantine,
    new_records,
    records_schema,
    together,
    write_records,
)
from data_pipeline.versions.identity import ContentDigest
from data_pipeline.versions.index import ArrivalsBuilder, no_nodes, read_index, write_index
from data_pipeline.versions.manifest import DatasetManifest, SourceCount, SplitSummary, find_base
from data_pipeline.versions.scan import Apply, Progress, Scanned, scan
from platform_core.clock import Clock
from platform_core.errors import BlobExists
from platform_core.parquet import table_bytes
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
    """What a run may choose: the share of rows that may be refused, and from which estimated
    Jaccard similarity on two texts are near duplicates, and the dataset version that the rows are
    added to ("" is none, "latest" the newest).
    """

    max_invalid_share: float = 0.5
    near_duplicate_similarity: float = 0.8
    base: str = ""


def _silent(done: int, rows: int, rate: float) -> None:
    """Tell nobody."""


def freeze(
    store: BlobStore,
    case: UseCase,
    raw: RawRecords,
    rules: Rules,
    clock: Clock,
    *,
    progress: Progress = _silent,
    apply: Apply = map,
) -> str:
    """Write a dataset version and return its name; content that is there already stays.

    Rows are ordered by `row_id`, so the order they arrived in does not matter. The manifest is
    written last: without it nothing is there, and two runs at once on the same data end with the
    same.

    Raises:
        InvalidData: the rows cannot become a dataset version, or there is no such base.
    """
    previous = find_base(store, case.name, rules.base)
    with TemporaryDirectory(prefix="dataset-version-") as folder:
        freezing = _Freezing(store, case, rules, clock, previous, Path(folder))
        return freezing.run(raw, progress, apply)


@dataclass(frozen=True)
class _Freezing:
    """One run: `folder` is its own place on local disk."""

    store: BlobStore
    case: UseCase
    rules: Rules
    clock: Clock
    previous: DatasetManifest | None
    folder: Path

    def run(self, raw: RawRecords, progress: Progress, apply: Apply) -> str:
        case, summary = self.case, raw.summary
        count = bucket_count(summary.bytes, summary.rows)
        quarantine = Quarantine(self.folder / QUARANTINE_FILE, case)
        with (
            SignatureFile(self.folder / "signatures") as signatures,
            Buckets(self.folder, count) as buckets,
            quarantine.writer,
        ):
            base = self._base(signatures)
            arrivals = ArrivalsBuilder(signatures)
            checker = RowChecker(case)
            scanned = scan(raw, checker, apply, progress, buckets, arrivals, quarantine)
            # Batches are done with; what they took makes room for the numbers of all rows.
            pa.default_memory_pool().release_unused()
            similar, now = self.rules.near_duplicate_similarity, self.clock.now()
            decisions = decide(arrivals.build(), base, signatures, similar, case.classes, now)
            allowed = self.rules.max_invalid_share
            refuse_hopeless(case, scanned, decisions, quarantine, allowed)
            contents = self._write_records(buckets.sorted(), decisions, quarantine)
            known = decisions.contradictory
            write_index(self.folder / INDEX_FILE, case, decisions.all, known, signatures)
        return self._publish(self._manifest(raw, scanned, decisions, quarantine, contents))

    def _base(self, signatures: SignatureFile) -> Base:
        if self.previous is None:
            return Base(no_nodes(), np.zeros(0, np.uint64))
        path = self.folder / "base-index.parquet"
        return Base(*read_index(self.store, self.case, self.previous, signatures, path))

    def _write_records(
        self, rows: Iterator[pa.Table], decisions: Decisions, quarantine: Quarantine
    ) -> Contents:
        schema = records_schema(self.case)
        contents = Contents(ContentDigest(pa.schema([f for f in schema if f.name != SOURCE])))
        tables = new_records(self.case, rows, decisions, quarantine, contents)
        if self.previous is not None:
            known = decisions.contradictory
            old = BaseRecords(self.store, self.previous, self.folder, known)
            tables = old.merged(tables, quarantine)
            contents.extra.extend(old.extra_columns())
        write_records(self.folder / RECORDS_FILE, tables, contents, schema)
        self._write_extra(contents.extra)
        return contents

    def _write_extra(self, tables: list[pa.Table]) -> None:
        if tables:
            extra = together(tables).sort_by(ROW_ID).slice(0, MAX_EXTRA_ROWS)
            (self.folder / EXTRA_COLUMNS_FILE).write_bytes(table_bytes(extra))

    def _manifest(
        self,
        raw: RawRecords,
        scanned: Scanned,
        decisions: Decisions,
        quarantine: Quarantine,
        contents: Contents,
    ) -> DatasetManifest:
        case, nodes, summary = self.case, decisions.all, raw.summary
        clusters, near_duplicates = cluster_counts(nodes)
        return DatasetManifest(
            dataset_version=contents.digest.hexdigest(),
            use_case=case.name,
            created_at=self.clock.now(),
            rows=contents.rows,
            rows_read=scanned.rows,
            rows_quarantined=quarantine.rows,
            duplicates=decisions.duplicates,
            test_rows=int(nodes.test.sum()),
            classes=class_counts(case, nodes),
            columns={field.name: str(field.type) for field in records_schema(case)},
            split=self._split(decisions.split),
            near_duplicates=near_duplicates,
            clusters=clusters,
            reasons=dict(quarantine.reasons.most_common()),
            warnings=warnings(case, scanned, decisions, nodes, summary.warnings),
            parents=(self.previous.dataset_version,) if self.previous else (),
            sources=tuple(
                SourceCount(source=name, rows=rows) for name, rows in contents.sources.most_common()
            ),
            times_unknown=contents.times_unknown,
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
        target = dataset_path(self.case.name, version)
        if self.store.exists(f"{target}/{MANIFEST_FILE}"):
            return version
        for name in (QUARANTINE_FILE, INDEX_FILE, EXTRA_COLUMNS_FILE, RECORDS_FILE):
            if (self.folder / name).exists():
                self.store.upload(self.folder / name, f"{target}/{name}")
        with suppress(BlobExists):
            content = manifest.model_dump_json(indent=1).encode()
            self.store.create(f"{target}/{MANIFEST_FILE}", content)
        return version
