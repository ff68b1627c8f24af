"""The use case's own features on Ray Data, as a stream in the order of the records."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pyarrow as pa
import ray.data

from data_pipeline.columns import ROW_ID
from data_pipeline.own_features import BATCH_ROWS, features_of, new_features
from platform_core.ports.blob_store import BlobStore
from use_cases import UseCase, use_case


def own_features_on_ray(
    store: BlobStore, case: UseCase, records_path: str, known: pa.Array
) -> Iterator[pa.Table]:
    """Yield `row_id` and the features of the records in a Parquet object, in its order.

    Rows whose ids are in `known` are left out. Needs a connected Ray.
    """
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    columns = [ROW_ID, *case.record_schema.names]
    records = ray.data.read_parquet(
        records_path, filesystem=store.arrow_filesystem(), columns=columns
    )
    features = records.map_batches(
        _batch_function(case.name, ray.put(known)),
        batch_format="pyarrow",
        batch_size=BATCH_ROWS,
    )
    schema = features_of(case)
    tables: Iterable[Any] = features.iter_batches(batch_size=None, batch_format="pyarrow")
    for table in tables:
        if table.num_rows:
            yield table.select(schema.names).cast(schema)


def _batch_function(name: str, known: "ray.ObjectRef[pa.Array]") -> Callable[[pa.Table], pa.Table]:
    def compute(table: pa.Table) -> pa.Table:
        return new_features(use_case(name), table, ray.get(known))

    return compute
