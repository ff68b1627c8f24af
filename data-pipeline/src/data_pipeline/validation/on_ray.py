"""Checking batches of raw records on Ray."""

from collections.abc import Iterable, Iterator

import pyarrow as pa

from data_pipeline.sources.on_ray import stream_on_ray
from data_pipeline.validation.rows import CheckedBatch, RowChecker


def check_on_ray(checker: RowChecker, batches: Iterable[pa.RecordBatch]) -> Iterator[CheckedBatch]:
    """Yield what `checker` makes of each batch, as `map` would; needs a connected Ray.

    Raises:
        UpstreamUnavailable: Ray lost a task for good.
    """
    return stream_on_ray(_check, checker, batches)


def _check(checker: RowChecker, batch: pa.RecordBatch) -> Iterator[CheckedBatch]:
    yield checker(batch)
