"""The upload of a sealed segment as one Parquet object."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from platform_core import storage
from platform_core.parquet import write_table
from platform_core.ports.blob_store import BlobStore
from records.columns import PREDICTION_ID, log_columns
from records.erasure import without_values
from records.labels.join import label_table
from records.log.segments import LABELS, SegmentName, read_documents, read_label_segment
from use_cases import UseCase, use_case


@dataclass(frozen=True)
class UploadedSegment:
    """The number of rows of an uploaded segment, and of lines that were dropped as damaged."""

    rows: int
    damaged: int


UploadSegment = Callable[[Path], Awaitable[UploadedSegment]]
"""Uploads a segment file. Raises `InvalidInput` for one that can never be uploaded, another
`PlatformError` or `OSError` for one that may be later.
"""


def upload_in_thread(store: BlobStore) -> UploadSegment:
    """Return a function that uploads segment files to `store` in a thread of this process."""

    async def upload(file: Path) -> UploadedSegment:
        return await asyncio.to_thread(upload_segment, file, store)

    return upload


def upload_segment(file: Path, store: BlobStore) -> UploadedSegment:
    """Write a segment file as one Parquet object.

    Raises:
        InvalidInput: the segment holds something other than records or labels of an installed
            use case.
        UpstreamUnavailable: the blob store cannot be reached.
    """
    name = SegmentName.parse(file.name)
    table, damaged = _segment_table(file, name, use_case(name.use_case))
    folder = storage.tombstones_date_folder(name.use_case, name.hour)
    erased = {storage.parse_tombstone(blob.path) or "" for blob in store.list(folder)}
    if erased:
        table = without_values(table, PREDICTION_ID, erased)
    if table.num_rows:
        write_table(store, name.object_path, table)
    return UploadedSegment(table.num_rows, damaged)


def _segment_table(file: Path, name: SegmentName, case: UseCase) -> tuple[pa.Table, int]:
    """Return the rows of a segment, and the number of lines that were dropped."""
    if name.stream == LABELS:
        labels = read_label_segment(file)
        return label_table(case, labels.records), labels.damaged
    content = read_documents(file)
    return log_columns(case).read(content.records), content.damaged
