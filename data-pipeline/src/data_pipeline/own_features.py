"""The use case's own features, computed on Ray Data by the function that serving calls."""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc
import ray.data

from data_pipeline.columns import ROW_ID
from platform_core.ports.blob_store import BlobStore
from use_cases import UseCase, use_case

BATCH_ROWS = 2_048


def own_features(
    store: BlobStore, case: UseCase, records_path: str, known: pa.Table | None = None
) -> pa.Table:
    """Return `row_id` and the use case's features for a Parquet object, ordered by `row_id`.

    Rows that `known` has are taken from there. Needs a connected Ray. Batches stream through the
    cluster's workers.
    """
    known = features_of(case).empty_table() if known is None else known
    columns = [ROW_ID, *case.record_schema.names]
    records = ray.data.read_parquet(records_path, filesystem=store.filesystem())
    features = records.select_columns(columns).map_batches(
        _batch_function(case.name, ray.put(known[ROW_ID].combine_chunks())),
        batch_format="pyarrow",
        batch_size=BATCH_ROWS,
    )
    schema = features_of(case)
    parts = [part.select(schema.names).cast(schema) for part in ray.get(features.to_arrow_refs())]
    return pa.concat_tables([known.cast(schema), *parts]).sort_by(ROW_ID)


def features_of(case: UseCase) -> pa.Schema:
    """Return the columns of own features: `row_id`, then the use case's."""
    return pa.schema([pa.field(ROW_ID, pa.string()), *case.feature_schema.arrow])


def _batch_function(name: str, known: ray.ObjectRef) -> Callable[[pa.Table], pa.Table]:
    def compute(table: pa.Table) -> pa.Table:
        case = use_case(name)
        table = table.filter(pc.invert(pc.is_in(table[ROW_ID], ray.get(known))))
        records = table.select(case.record_schema.names).cast(case.record_schema)
        batches = records.combine_chunks().to_batches()
        features = pa.Table.from_batches(
            [case.features(batch) for batch in batches], schema=case.feature_schema.arrow
        )
        return features.add_column(0, ROW_ID, table[ROW_ID])

    return compute
