"""The use case's own features, computed by the function that serving calls, as a stream."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_pipeline.columns import ROW_ID
from use_cases import UseCase

BATCH_ROWS = 2_048


def own_features(case: UseCase, records: Path, known: pa.Array) -> Iterator[pa.Table]:
    """Yield `row_id` and the features of the records in a Parquet file, in its order.

    Rows whose ids are in `known` are left out.
    """
    columns = [ROW_ID, *case.record_schema.names]
    with pq.ParquetFile(records) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=columns):
            yield new_features(case, pa.Table.from_batches([batch]), known)


def new_features(case: UseCase, table: pa.Table, known: pa.Array) -> pa.Table:
    """Return `row_id` and the features of the rows of `table` whose ids are not in `known`."""
    table = table.filter(pc.invert(pc.is_in(table[ROW_ID], known)))
    records = table.select(case.record_schema.names).cast(case.record_schema)
    batches = [case.features(batch) for batch in records.combine_chunks().to_batches()]
    features = pa.Table.from_batches(batches, schema=case.feature_schema.arrow)
    return features.add_column(0, ROW_ID, table[ROW_ID]).cast(features_of(case))


def features_of(case: UseCase) -> pa.Schema:
    """Return the columns of own features: `row_id`, then the use case's."""
    return pa.schema([pa.field(ROW_ID, pa.string()), *case.feature_schema.arrow])
