"""The first rows of a source as one table, with the source's own columns."""

from collections.abc import Sequence
from functools import reduce

import pyarrow as pa

from data_pipeline.settings import IngestSettings
from data_pipeline.sources.columns import ColumnMapping
from data_pipeline.sources.events import FileFailed, SourceRows
from data_pipeline.sources.locate import open_source
from data_pipeline.sources.raw import SOURCE_COLUMN, fit, unify
from data_pipeline.sources.request import IngestRequest
from platform_core.errors import InvalidData
from platform_core.ports.blob_store import BlobStore

LOOK_ROWS = 200_000
"""The most rows to inspect; more rows seldom change a decision."""


def read_table(
    store: BlobStore, settings: IngestSettings, data: str, label: str, columns: Sequence[str] = ()
) -> pa.Table:
    """Return up to `LOOK_ROWS` rows of a source, with text, numbers, booleans and times as they are
    stored. `label` and `columns` must be among its columns.

    Raises:
        InvalidData: the source cannot be read, has no rows, or lacks a column.
    """
    if not data:
        raise InvalidData("pass the labelled records with --data")
    mapping = ColumnMapping(
        names=tuple(columns), label=label, time=None, id=None, defaults={}, limits={},
        label_values=frozenset(), renaming={},
    )  # fmt: skip
    batches: list[pa.RecordBatch] = []
    rows = 0
    with open_source(None, store, IngestRequest(data), settings, mapping.known) as source:
        for event in (event for task in source.tasks for event in task.read(mapping)):
            if isinstance(event, FileFailed):
                raise InvalidData(f"{event.file}: {event.reason}")
            if isinstance(event, SourceRows):
                batches.append(event.batch)
                rows += event.batch.num_rows
            if rows >= LOOK_ROWS:
                break
    if not rows:
        raise InvalidData(f"{data} has no rows; give a file with labelled records")
    schema = reduce(unify, (batch.schema for batch in batches))
    table = pa.Table.from_batches([fit(batch, schema) for batch in batches]).slice(0, LOOK_ROWS)
    return table.drop_columns([SOURCE_COLUMN]).combine_chunks()
